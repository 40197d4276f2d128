#include <QDirIterator>
#include <QFile>
#include <QMap>
#include <QRegularExpression>
#include <QTest>

/// Dependencies point one way: quant ← model ← views ← app, and inside quant from core upwards. Read off the includes.
class TestBorders : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void includes_data();
    void includes();
    void insideQuant_data();
    void insideQuant();
    void everyFolderOfQuantHasItsRow();
};

void TestBorders::includes_data() {
    QTest::addColumn<QString>("folder");
    QTest::addColumn<QString>("files");
    QTest::addColumn<QString>("forbidden");
    const QString torch = R"((torch|ATen|c10|caffe2)/)";
    QTest::newRow("quant knows no Qt and nothing above it") << "quant"
                                                            << "*"
                                                            << R"((Q[A-Z]|Qt|model/|views/|app/))";
    QTest::newRow("model knows no widgets and nothing above it") << "model"
                                                                 << "*"
                                                                 << R"((QWidget|QtWidgets|QApplication|views/|app/))";
    QTest::newRow("no LibTorch in a header of model") << "model"
                                                      << "*.h" << torch;
    QTest::newRow("views know no LibTorch and nothing above them") << "views"
                                                                   << "*"
                                                                   << "(" + torch + "|app/)";
    QTest::newRow("app knows no LibTorch") << "app"
                                           << "*" << torch;
}

void TestBorders::includes() {
    QFETCH(QString, folder);
    QFETCH(QString, files);
    QFETCH(QString, forbidden);
    const QRegularExpression include(R"(#include\s*[<"])" + forbidden);
    int read = 0;
    QDirIterator it(QStringLiteral(FXP_SOURCE_DIR "/") + folder,
                    {files == "*" ? "*.h" : files, files == "*" ? "*.cpp" : files}, QDir::Files,
                    QDirIterator::Subdirectories);
    while (it.hasNext()) {
        QFile file(it.next());
        QVERIFY(file.open(QIODevice::ReadOnly));
        const auto match = include.match(QString::fromUtf8(file.readAll()));
        QVERIFY2(!match.hasMatch(), qPrintable(file.fileName() + ": " + match.captured()));
        ++read;
    }
    QVERIFY(read > 0);
}

namespace {

/// What each folder of quant may include beside itself.
const QMap<QString, QStringList> kMayInclude{
    {"core", {}},
    {"graph", {"core"}},
    {"ops", {"core", "graph"}},
    {"layers", {"core", "graph", "ops"}},
    {"record", {"core", "graph", "ops", "layers"}},
    {"import", {"core", "graph", "ops", "layers", "record", "engine", "io"}},
    {"calibrate", {"core", "graph", "ops"}},
    {"engine", {"core", "graph", "ops", "calibrate"}},
    {"io", {"core", "graph", "engine"}},
    {"export", {"core", "graph", "engine", "io"}},
    {"report", {"core", "graph", "engine", "io"}},
    {"train", {"core", "graph", "ops", "engine"}},
};

} // namespace

void TestBorders::insideQuant_data() {
    QTest::addColumn<QString>("folder");
    for (auto row = kMayInclude.cbegin(); row != kMayInclude.cend(); ++row)
        QTest::newRow(qPrintable(row.key())) << row.key();
}

void TestBorders::insideQuant() {
    QFETCH(QString, folder);
    static const QRegularExpression include(R"(#include\s*"quant/(\w+)/)");
    const QStringList allowed = kMayInclude[folder] + QStringList{folder};
    int read = 0;
    QDirIterator it(QStringLiteral(FXP_SOURCE_DIR "/quant/") + folder, {"*.h", "*.cpp"}, QDir::Files,
                    QDirIterator::Subdirectories);
    while (it.hasNext()) {
        QFile file(it.next());
        QVERIFY(file.open(QIODevice::ReadOnly));
        const QString text = QString::fromUtf8(file.readAll());
        for (auto match = include.globalMatch(text); match.hasNext();) {
            const QString other = match.next().captured(1);
            QVERIFY2(allowed.contains(other), qPrintable(file.fileName() + " includes quant/" + other));
        }
        ++read;
    }
    QVERIFY(read > 0);
}

void TestBorders::everyFolderOfQuantHasItsRow() {
    const QStringList folders =
        QDir(QStringLiteral(FXP_SOURCE_DIR "/quant")).entryList(QDir::Dirs | QDir::NoDotAndDotDot, QDir::Name);
    QCOMPARE(folders, kMayInclude.keys());
}

QTEST_GUILESS_MAIN(TestBorders)
#include "tst_borders.moc"
