#include "app/gui/memory_dialog.h"
#include "app/gui/memory_result.h"
#include "support/window.h"

#include <QCheckBox>
#include <QDir>
#include <QFile>
#include <QLineEdit>
#include <QPushButton>
#include <QSettings>
#include <QTemporaryDir>
#include <QTest>
#include <QTimer>
#include <QTreeWidget>

using namespace fxp;

/// Memory images from the window: what the dialog asks, lists and remembers, and what is on the disk afterwards.
class TestMemoryExport : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void initTestCase() { test::useOwnSettings(); }
    void init() { QSettings().remove("memoryExport"); }
    void samplesByName_data();
    void samplesByName();
    void refusalsByTensor();
    void remembers();
    void throughTheWindow();
    void whatIsOpenStays();

  private:
    static quant::QType format(int total, int fraction, quant::Rounding rounding = {}) {
        return {total, fraction, rounding, {}, {}};
    }
    static std::vector<quant::SlotInfo> someSlots() {
        std::vector<quant::SlotInfo> slotInfos(3);
        const char* names[] = {"input", "weight", "activation"};
        for (std::size_t i = 0; i < slotInfos.size(); ++i) {
            slotInfos[i].path = std::string("fc.") + names[i];
            slotInfos[i].shape = {2, 3};
            slotInfos[i].parameter = i == 1;
        }
        return slotInfos;
    }
    static QPushButton* button(const QWidget& dialog, const QString& text) {
        for (auto* button : dialog.findChildren<QPushButton*>()) {
            if (button->text().remove('&') == text)
                return button;
        }
        return nullptr;
    }
    static QCheckBox* box(const QWidget& dialog, const QString& text) {
        for (auto* box : dialog.findChildren<QCheckBox*>()) {
            if (box->text().remove('&').contains(text))
                return box;
        }
        return nullptr;
    }
    static QLineEdit* golden(const QWidget& dialog) {
        for (auto* field : dialog.findChildren<QLineEdit*>()) {
            if (field->placeholderText().contains("samples"))
                return field;
        }
        return nullptr;
    }
    static void type(QLineEdit* field, const QString& text) {
        field->setFocus();
        field->selectAll();
        QTest::keyClick(field, Qt::Key_Delete);
        QTest::keyClicks(field, text);
    }
    /// The rows of a list, cells apart by bars.
    static QStringList rows(const QTreeWidget* tree) {
        QStringList all;
        for (int i = 0; i < tree->topLevelItemCount(); ++i) {
            QStringList cells;
            for (int column = 0; column < tree->columnCount(); ++column)
                cells << tree->topLevelItem(i)->text(column);
            all << cells.join(" | ");
        }
        return all;
    }
};

void TestMemoryExport::samplesByName_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<bool>("good");
    QTest::addColumn<QString>("said");
    QTest::newRow("none") << "" << true << "Samples are 0 to 9.";
    QTest::newRow("some") << "0, 3-5" << true << "4 of 10 samples";
    QTest::newRow("beyond") << "10" << false << "there is no sample 10; they go from 0 to 9";
    QTest::newRow("no number") << "x" << false << "no number of a sample";
}

void TestMemoryExport::samplesByName() {
    QFETCH(QString, text);
    QFETCH(bool, good);
    QFETCH(QString, said);
    const auto slotInfos = someSlots();
    const quant::Formats formats(3, format(8, 4));
    gui::MemoryDialog dialog(slotInfos, formats, 10, "/tmp");
    dialog.show();
    type(golden(dialog), text);
    const auto labels = dialog.findChildren<QLabel*>();
    QVERIFY(
        std::ranges::any_of(labels, [&](QLabel* label) { return label->isVisible() && label->text().contains(said); }));
    QCOMPARE(button(dialog, "Export")->isEnabled(), good);
}

void TestMemoryExport::refusalsByTensor() {
    const auto slotInfos = someSlots();
    const quant::Formats formats{format(8, 4), {}, format(8, 4, quant::Rounding::Ceil)};
    gui::MemoryDialog dialog(slotInfos, formats, 10, "/tmp");
    dialog.show();
    auto* list = dialog.findChild<QTreeWidget*>();
    QCOMPARE(rows(list),
             (QStringList{"fc.weight | memory | stays float", "fc.activation | ap_fixed | rounds by CEIL"}));
    QVERIFY(list->isVisible() && !button(dialog, "Export")->isEnabled());
    QTest::mouseClick(box(dialog, "ap_fixed"), Qt::LeftButton, {}, QPoint(8, box(dialog, "ap_fixed")->height() / 2));
    QCOMPARE(rows(list), QStringList{"fc.weight | memory | stays float"});
    QTest::keyClick(box(dialog, "Leave them out"), Qt::Key_Space);
    QVERIFY(button(dialog, "Export")->isEnabled() && dialog.options().leaveOut);
    // Types alone can say float.
    for (QCheckBox* kind : dialog.findChildren<QCheckBox*>()) {
        if (kind->isChecked() && kind->text().contains("("))
            QTest::keyClick(kind, Qt::Key_Space);
    }
    QVERIFY(!list->isVisible() && !button(dialog, "Export")->isEnabled()); // nothing is chosen
    QTest::keyClick(box(dialog, "sc_fixed"), Qt::Key_Space);
    QCOMPARE(rows(list), QStringList{"fc.activation | sc_fixed | rounds by CEIL"});
    QVERIFY(!golden(dialog)->isEnabled() && dialog.options().golden.empty());
}

void TestMemoryExport::remembers() {
    const auto slotInfos = someSlots();
    const quant::Formats formats(3, format(8, 4));
    {
        gui::MemoryDialog dialog(slotInfos, formats, 10, "/tmp");
        dialog.show();
        QCOMPARE(dialog.folder(), "/tmp/export");
        type(golden(dialog), "7");
        type(test::named<QLineEdit>(dialog, "Folder"), "out/../words");
        QCOMPARE(dialog.folder(), "/tmp/words");
        QTest::keyClick(box(dialog, ".coe"), Qt::Key_Space);
        QTest::mouseClick(button(dialog, "Export"), Qt::LeftButton);
        QCOMPARE(dialog.result(), int(QDialog::Accepted));
    }
    gui::MemoryDialog again(slotInfos, formats, 10, "/home");
    QCOMPARE(again.folder(), "/tmp/words");
    QCOMPARE(again.options().golden, std::vector<std::int64_t>{7});
    QCOMPARE(again.options().kinds, (std::vector<quant::MemoryKind>{quant::MemoryKind::Mem, quant::MemoryKind::Coe}));
    gui::MemoryDialog fewer(slotInfos, formats, 5, "/home"); // this model has no sample 7
    QCOMPARE(fewer.options().golden, std::vector<std::int64_t>{0});
}

void TestMemoryExport::throughTheWindow() {
    const auto window = test::demoWindow();
    QVERIFY(window);
    QTemporaryDir folder;
    const QString target = folder.filePath("out");
    QTimer::singleShot(0, window.get(), [&] {
        auto* dialog = qobject_cast<gui::MemoryDialog*>(QApplication::activeModalWidget());
        QVERIFY(dialog);
        type(test::named<QLineEdit>(*dialog, "Folder"), target);
        type(golden(*dialog), "2");
        auto* leaveOut = box(*dialog, "Leave them out");
        if (leaveOut->isVisible())
            QTest::keyClick(leaveOut, Qt::Key_Space);
        QTest::mouseClick(button(*dialog, "Export"), Qt::LeftButton);
    });
    QAction* action = test::action(*window, "Memory images and headers");
    QVERIFY(action && action->isEnabled());
    action->trigger();
    gui::MemoryResult* result = nullptr;
    QTRY_VERIFY_WITH_TIMEOUT((result = window->findChild<gui::MemoryResult*>()), 120'000);
    QVERIFY(result->isVisible());
    for (const QString& file : {target + "/memory.json", target + "/qconfig.json", target + "/types.h"})
        QVERIFY2(QFile::exists(file), qPrintable(file));
    const QStringList listed = rows(result->findChild<QTreeWidget*>());
    QVERIFY(listed.contains("memory.json | written"));
    // Every file that is listed is there, and the other way round.
    int files = 0;
    for (const QString& row : listed) {
        if (row.endsWith(" | written")) {
            QVERIFY2(QFile::exists(target + "/" + row.section(" | ", 0, 0)), qPrintable(row));
            ++files;
        }
    }
    QCOMPARE(files,
             QDir(target).entryList(QDir::Files).size() + QDir(target + "/golden").entryList(QDir::Files).size());
    QVERIFY(files > 10);
    // The sidecar's QConfig is the document's.
    QFile qconfig(target + "/qconfig.json");
    QVERIFY(qconfig.open(QIODevice::ReadOnly));
    QCOMPARE(qconfig.readAll(), window->document().qconfig());
    result->close();
}

/// A file that is open is not written over; the document says so, and the file stays.
void TestMemoryExport::whatIsOpenStays() {
    const auto window = test::cnnWindow();
    QVERIFY(window);
    model::Document& document = window->document();
    document.calibrate({}, {});
    QTRY_VERIFY(test::settled(document) && document.format(0).isComplete());
    QTemporaryDir folder;
    const QString own = folder.filePath("qconfig.json");
    document.saveQConfig(own);
    QSignalSpy failed(&document, &model::Document::failed);
    quant::MemoryOptions options;
    options.kinds = {quant::MemoryKind::Mem};
    bool written = false;
    document.exportMemory(folder.path(), options, [&](const model::MemoryWritten&) { written = true; });
    QTRY_COMPARE(failed.count(), 1);
    QVERIFY(!written && failed[0][0].toString() == own && failed[0][1].toString().contains("would be lost"));
    QVERIFY(!QFile::exists(folder.filePath("memory.json")));
    document.exportMemory(folder.filePath("other"), options, [&](const model::MemoryWritten&) { written = true; });
    QTRY_VERIFY(written);
    QVERIFY(QFile::exists(folder.filePath("other/memory.json")));
}

QTEST_MAIN(TestMemoryExport)
#include "tst_memory_export.moc"
