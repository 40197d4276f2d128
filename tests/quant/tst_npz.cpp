#include "quant/core/error.h"
#include "quant/io/npz.h"
#include "support/golden.h"

#include <QFile>
#include <QTemporaryDir>
#include <QTest>

#include <cstring>

using namespace fxp;
using namespace fxp::quant;

class TestNpz : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void readsNumPysFiles();
    void roundTrip();
    void typesAndOrders_data();
    void typesAndOrders();
    void bad_data();
    void bad();

  private:
    static QByteArray npy(const QByteArray& type, bool fortran, const QByteArray& shape, const QByteArray& data);
};

QByteArray TestNpz::npy(const QByteArray& type, bool fortran, const QByteArray& shape, const QByteArray& data) {
    QByteArray header =
        "{'descr': '" + type + "', 'fortran_order': " + (fortran ? "True" : "False") + ", 'shape': " + shape + ", }\n";
    QByteArray bytes("\x93NUMPY\x01\x00", 8);
    bytes += static_cast<char>(header.size());
    bytes += static_cast<char>(header.size() >> 8);
    return bytes + header + data;
}

void TestNpz::readsNumPysFiles() {
    const NamedArrays inputs = readNpz(test::modelFolder() + "/digits_cnn/inputs.npz");
    QCOMPARE(inputs.items.size(), std::size_t{1});
    QCOMPARE(inputs.items[0].first, std::string("image"));
    QVERIFY((inputs.items[0].second.shape == std::vector<std::int64_t>{397, 1, 8, 8}));
    const Array labels = readNpy(test::modelFolder() + "/digits_cnn/labels.npy");
    QCOMPARE(labels.integers()[1], std::int64_t{6});
}

void TestNpz::roundTrip() {
    QTemporaryDir folder;
    const std::string file = folder.filePath("a.npz").toStdString();
    NamedArrays arrays;
    arrays.items.emplace_back("x", Array::ofFloats({2, 2}, {1, 2, 3, 4}));
    arrays.items.emplace_back("n", Array::ofIntegers({}, {16000}));
    writeNpz(file, arrays);
    writeNpz(file, arrays); // over itself
    const NamedArrays back = readNpz(file);
    QCOMPARE(back.find("x")->floats()[3], 4.0f);
    QCOMPARE(back.find("n")->integers()[0], std::int64_t{16000});
    QVERIFY(back.find("n")->shape.empty());
    QVERIFY_THROWS_EXCEPTION(Error, writeNpz("/no/such/folder/a.npz", arrays));
}

void TestNpz::typesAndOrders_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QList<double>>("values");
    const auto raw = [](auto... v) {
        QByteArray bytes;
        (bytes.append(reinterpret_cast<const char*>(&v), sizeof v), ...);
        return bytes;
    };
    QTest::newRow("float64") << npy("<f8", false, "(2,)", raw(0.5, -2.0)) << QList<double>{0.5, -2};
    QTest::newRow("float16") << npy("<f2", false, "(3,)",
                                    raw(std::uint16_t{0x3C00}, std::uint16_t{0xC100}, std::uint16_t{1}))
                             << QList<double>{1, -2.5, 5.9604644775390625e-08};
    QTest::newRow("uint8") << npy("|u1", false, "(2,)", raw(std::uint8_t{255}, std::uint8_t{1}))
                           << QList<double>{255, 1};
    QTest::newRow("int16") << npy("<i2", false, "(1,)", raw(std::int16_t{-3})) << QList<double>{-3};
    QTest::newRow("Fortran order") << npy("<f4", true, "(2, 3)", raw(1.f, 4.f, 2.f, 5.f, 3.f, 6.f))
                                   << QList<double>{1, 2, 3, 4, 5, 6};
}

void TestNpz::typesAndOrders() {
    QFETCH(QByteArray, bytes);
    QFETCH(QList<double>, values);
    QTemporaryDir folder;
    QFile file(folder.filePath("a.npy"));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(bytes);
    file.close();
    const Array array = readNpy(file.fileName().toStdString());
    QCOMPARE(array.count(), std::int64_t{values.size()});
    for (int i = 0; i < values.size(); ++i)
        QCOMPARE(array.type == ElementType::Float32 ? double(array.floats()[i]) : double(array.integers()[i]),
                 values[i]);
}

void TestNpz::bad_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<QByteArray>("bytes");
    QTest::newRow("empty") << "a.npy" << QByteArray();
    QTest::newRow("no array") << "a.npy" << QByteArray("something else, long enough");
    QTest::newRow("cut off in the data") << "a.npy" << npy("<f4", false, "(9,)", QByteArray(8, '\0'));
    QTest::newRow("cut off in the header") << "a.npy" << npy("<f4", false, "(9,)", {}).left(30);
    QTest::newRow("negative shape") << "a.npy" << npy("<f4", false, "(-9,)", QByteArray(8, '\0'));
    QTest::newRow("hostile shape") << "a.npy" << npy("<f4", false, "(4294967296, 4294967296)", QByteArray(8, '\0'));
    QTest::newRow("objects") << "a.npy" << npy("|O", false, "(1,)", QByteArray(8, '\0'));
    QTest::newRow("big-endian") << "a.npy" << npy(">f4", false, "(2,)", QByteArray(8, '\0'));
    QTest::newRow("no zip") << "a.npz" << QByteArray("PK but not really");
}

void TestNpz::bad() {
    QFETCH(QString, name);
    QFETCH(QByteArray, bytes);
    QTemporaryDir folder;
    QFile file(folder.filePath(name));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(bytes);
    file.close();
    const std::string path = file.fileName().toStdString();
    try {
        name.endsWith("npz") ? void(readNpz(path)) : void(readNpy(path));
        QFAIL("read");
    } catch (const Error& error) {
        QVERIFY(error.where.find(path) == 0);
    }
}

QTEST_GUILESS_MAIN(TestNpz)
#include "tst_npz.moc"
