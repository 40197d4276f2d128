#include <QDirIterator>
#include <QFile>
#include <QRegularExpression>
#include <QTest>

/// Dependencies point one way: quant ← model ← views ← app. Read off the includes.
class TestBorders : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void includes_data();
    void includes();
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

QTEST_GUILESS_MAIN(TestBorders)
#include "tst_borders.moc"
