#include "quant/core/error.h"
#include "quant/core/read_file.h"
#include "quant/io/json.h"
#include "quant/io/npz.h"
#include "quant/io/safetensors.h"

#include <QFile>
#include <QTemporaryDir>
#include <QTest>

#include <sys/stat.h>
#include <zip.h>

#include <cstring>
#include <limits>

using namespace fxp;
using namespace fxp::quant;

/// Readers on hostile bytes: one clear refusal, whatever stands there, and before anything is allocated for it.
class TestReaders : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void npy_data();
    void npy();
    void npyHeaders_data();
    void npyHeaders();
    void everyCutOfANpy();
    void npz_data();
    void npz();
    void npzOfEqualNames();
    void safetensors_data();
    void safetensors();
    void safetensorsKeepTheirOrder();
    void json_data();
    void json();
    void jsonValues();
    void wholeNumbers_data();
    void wholeNumbers();
    void notAFile_data();
    void notAFile();

  private:
    static std::span<const std::byte> span(const QByteArray& bytes) {
        return {reinterpret_cast<const std::byte*>(bytes.data()), static_cast<std::size_t>(bytes.size())};
    }
};

namespace {

/// A .npy of version 1 (2 where the header is long) with that header and data.
QByteArray npyOf(const QByteArray& header, const QByteArray& data) {
    QByteArray bytes("\x93NUMPY", 6);
    const bool isLong = header.size() > 0xFFFF;
    bytes += isLong ? '\x02' : '\x01';
    bytes += '\0';
    for (int i = 0; i < (isLong ? 4 : 2); ++i)
        bytes += static_cast<char>(header.size() >> (8 * i));
    return bytes + header + data;
}

QByteArray floats(std::initializer_list<float> values) {
    QByteArray bytes;
    for (const float value : values)
        bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    return bytes;
}

QByteArray safetensorsOf(const QByteArray& header, const QByteArray& data) {
    const std::uint64_t length = static_cast<std::uint64_t>(header.size());
    return QByteArray(reinterpret_cast<const char*>(&length), sizeof length) + header + data;
}

/// A zip archive of members, each deflated or stored.
QByteArray zipOf(const QList<QPair<QByteArray, QByteArray>>& members, int method) {
    QTemporaryDir folder;
    const QByteArray file = folder.filePath("a.zip").toUtf8();
    int code = 0;
    zip_t* zip = zip_open(file.constData(), ZIP_CREATE, &code);
    for (const auto& [name, bytes] : members) {
        zip_source_t* source = zip_source_buffer(zip, bytes.data(), static_cast<zip_uint64_t>(bytes.size()), 0);
        const zip_int64_t index = zip_file_add(zip, name.constData(), source, ZIP_FL_ENC_UTF_8);
        zip_set_file_compression(zip, static_cast<zip_uint64_t>(index), method, 0);
    }
    zip_close(zip);
    QFile in(file);
    return in.open(QIODevice::ReadOnly) ? in.readAll() : QByteArray();
}

/// The archive with a little-endian number written over every place where a record of that signature has it.
QByteArray patched(QByteArray zip, const QByteArray& signature, int offset, std::uint32_t value) {
    for (qsizetype at = zip.indexOf(signature); at >= 0; at = zip.indexOf(signature, at + 4))
        std::memcpy(zip.data() + at + offset, &value, sizeof value);
    return zip;
}

const QByteArray kLocal("PK\x03\x04"), kCentral("PK\x01\x02");

template <class Read> void refuses(Read read, const char* says) {
    try {
        read();
        QFAIL("was read");
    } catch (const Error& error) {
        QVERIFY2(QByteArray(error.what()).contains(says), error.what());
        QVERIFY2(error.where.starts_with("file"), error.what());
        QVERIFY(!error.hint.empty());
    }
}

} // namespace

void TestReaders::npy_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QByteArray>("says");
    const auto row = [](const char* name, const QByteArray& header, const QByteArray& data, const char* says) {
        QTest::newRow(name) << npyOf(header, data) << QByteArray(says);
    };
    const auto shaped = [](const QByteArray& shape) {
        return "{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }";
    };
    row("30 kB of header", "{'descr': '" + QByteArray(30'000, 'a'), {}, "header");
    row("100 kB of spaces in a key", "{'descr'" + QByteArray(100'000, ' '), {}, "header");
    row("a shape of 30,000 dimensions", shaped("(" + QByteArray("1,").repeated(30'000) + ")"), floats({1}), "shape");
    row("a shape beyond int64", shaped("(18446744073709551615,)"), floats({1}), "shape");
    row("a product beyond int64", shaped("(4294967296, 4294967296, 4294967296)"), floats({1}), "shape");
    row("the same with a zero", shaped("(4294967296, 4294967296, 4294967296, 0)"), {}, "shape");
    row("a negative size", shaped("(-1,)"), floats({1}), "shape");
    row("a real size", shaped("(1.0,)"), floats({1}), "header");
    row("more than there is", shaped("(2,)"), floats({1}), "cut off");
    row("bytes after the elements", shaped("(1,)"), floats({1, 2}), "4 bytes after");
    row("a key twice", "{'descr': '<f4', 'descr': '<i8', 'fortran_order': False, 'shape': (1,)}", floats({1, 2}),
        "header");
    row("a key too few", "{'descr': '<f4', 'shape': (1,)}", floats({1}), "header");
    row("an unknown key", "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 'y'}", floats({1}), "header");
    row("more after the dictionary", shaped("(1,)") + "}", floats({1}), "header");
    row("fields", "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", floats({1}), "fields");
    row("a type of ours, not NumPy's", "{'descr': '<bf2', 'fortran_order': False, 'shape': (2,)}", floats({1}), "type");
    row("an integer beyond int64", "{'descr': '<u8', 'fortran_order': False, 'shape': (1,)}", QByteArray(8, '\xff'),
        "18446744073709551615");
    const double large[] = {1, 1e300, 2};
    row("a number beyond float32", "{'descr': '<f8', 'fortran_order': False, 'shape': (3,)}",
        QByteArray(reinterpret_cast<const char*>(large), sizeof large), "1e+300 as its element 1");
    QTest::newRow("a header beyond the file")
        << QByteArray("\x93NUMPY\x02\x00\xff\xff\xff\xff", 12) << QByteArray("header");
    QTest::newRow("version 9") << QByteArray("\x93NUMPY\x09\x00\x00\x00", 10) << QByteArray("version");
}

void TestReaders::npy() {
    QFETCH(QByteArray, bytes);
    QFETCH(QByteArray, says);
    refuses([&] { readNpy(span(bytes), "file.npy"); }, says);
}

void TestReaders::npyHeaders_data() {
    QTest::addColumn<QByteArray>("header");
    QTest::newRow("as NumPy writes") << QByteArray("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }   \n");
    QTest::newRow("tight") << QByteArray("{'descr':'<f4','fortran_order':False,'shape':(2,1)}");
    QTest::newRow("other order and quotes")
        << QByteArray(R"( { "shape" : ( 2 , 1 , ) , "fortran_order" : True , "descr" : "=f4" } )");
    QTest::newRow("of Python 2") << QByteArray("{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 1L), }");
    QTest::newRow("version 2") << "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }" +
                                      QByteArray(70'000, ' ');
}

void TestReaders::npyHeaders() {
    QFETCH(QByteArray, header);
    const QByteArray bytes = npyOf(header, floats({1.5f, -2}));
    const Array array = readNpy(span(bytes), "file.npy");
    QVERIFY((array.shape == std::vector<std::int64_t>{2, 1}));
    QCOMPARE(array.floats()[0], 1.5f);
    QCOMPARE(array.floats()[1], -2.0f);
}

void TestReaders::everyCutOfANpy() {
    const QByteArray whole = npyOf("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }", floats({1, 2, 3, 4}));
    QCOMPARE(readNpy(span(whole), "file").floats()[1], 3.0f);
    for (qsizetype length = 0; length < whole.size(); ++length) {
        const QByteArray cut = whole.left(length);
        QVERIFY_THROWS_EXCEPTION(Error, readNpy(span(cut), "file"));
    }
}

void TestReaders::npz_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QByteArray>("says");
    const QByteArray array = npyOf("{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", floats({1, 2, 3, 4}));
    const QByteArray stored = zipOf({{"a.npy", array}}, ZIP_CM_STORE),
                     deflated = zipOf({{"a.npy", array}}, ZIP_CM_DEFLATE);
    QTest::newRow("empty") << QByteArray() << QByteArray("array");
    QTest::newRow("not a zip") << QByteArray("PK but not really") << QByteArray("archive");
    QTest::newRow("no array in it") << zipOf({{"a.txt", "text"}}, ZIP_CM_STORE) << QByteArray("NumPy array");
    // Sizes stand at 18 and 22 of a local record, at 20 and 24 of a central one.
    const auto claims = [&](std::uint32_t size) {
        return patched(patched(deflated, kCentral, 24, size), kLocal, 22, size);
    };
    QTest::newRow("more than deflate can") << claims(0xFFFFFFF0) << QByteArray("size");
    QTest::newRow("more than it holds") << claims(static_cast<std::uint32_t>(array.size()) + 1)
                                        << QByteArray("damaged");
    QTest::newRow("less than it holds") << claims(static_cast<std::uint32_t>(array.size()) - 1)
                                        << QByteArray("damaged");
    QByteArray spoilt = stored;
    spoilt[spoilt.indexOf(array) + array.size() - 1] ^= '\x01';
    QTest::newRow("another checksum") << spoilt << QByteArray("damaged");
    // Each of four members takes the bytes of the first, which are most of the archive.
    const QByteArray large = npyOf("{'descr': '|u1', 'fortran_order': False, 'shape': (9000,), }", QByteArray(9000, 7));
    QByteArray same = zipOf({{"a.npy", large}, {"b.npy", {}}, {"c.npy", {}}, {"d.npy", {}}}, ZIP_CM_STORE);
    const qsizetype first = same.indexOf(kCentral);
    for (qsizetype at = first; at >= 0; at = same.indexOf(kCentral, at + 4)) {
        std::memcpy(same.data() + at + 16, same.constData() + first + 16, 12); // checksum and sizes
        std::memset(same.data() + at + 42, 0, 4);                              // the place
    }
    QTest::newRow("members that overlap") << same << QByteArray("file");
    QTest::newRow("encrypted") << patched(patched(stored, kCentral, 8, 1), kLocal, 6, 1) << QByteArray("file");
}

void TestReaders::npz() {
    QFETCH(QByteArray, bytes);
    QFETCH(QByteArray, says);
    refuses([&] { readNpz(span(bytes), "file.npz"); }, says);
}

void TestReaders::npzOfEqualNames() {
    const QByteArray array = npyOf("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", floats({1}));
    const QByteArray both = zipOf({{"a.npy", array}, {"b.npy", array}}, ZIP_CM_DEFLATE);
    QCOMPARE(readNpz(span(both), "file").items.size(), std::size_t{2});
    QByteArray same = both;
    same.replace("b.npy", "a.npy");
    QVERIFY_THROWS_EXCEPTION(Error, readNpz(span(same), "file"));
    const QByteArray ending = zipOf({{"a.npy", array}, {"a", array}}, ZIP_CM_DEFLATE);
    refuses([&] { readNpz(span(ending), "file"); }, "twice");
}

void TestReaders::safetensors_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QByteArray>("says");
    const auto row = [](const char* name, const QByteArray& header, const QByteArray& data, const char* says) {
        QTest::newRow(name) << safetensorsOf(header, data) << QByteArray(says);
    };
    const auto one = [](const QByteArray& shape, const QByteArray& offsets) {
        return R"({"a":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
    };
    row("a size beyond int64", one("[18446744073709551615]", "[0,4]"), floats({1}), "18446744073709551615");
    row("a real size", one("[1.5]", "[0,4]"), floats({1}), "1.5");
    row("a negative size", one("[-1]", "[0,4]"), floats({1}), "-1");
    row("a product that overflows", one("[4294967296,4294967296,4294967296]", "[0,4]"), floats({1}), "shape");
    row("a product that overflows to 0", one("[4294967296,4294967296,0]", "[0,0]"), {}, "shape");
    row("offsets that wrap", one("[1]", "[18446744073709551612,0]"), floats({1}), "18446744073709551612");
    row("real offsets", one("[1]", "[0.5,4.5]"), floats({1}), "0.5");
    row("offsets behind the file", one("[1]", "[4,8]"), floats({1}), "offsets");
    row("offsets the wrong way", one("[0]", "[4,0]"), floats({1}), "offsets");
    row("three offsets", one("[1]", "[0,4,4]"), floats({1}), "offsets");
    row("bytes left over", one("[1]", "[0,4]"), floats({1, 2}), "4 bytes after");
    row("a hole", one("[1]", "[4,8]"), floats({1, 2}), "before it");
    row("an overlap",
        R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
        floats({1, 2, 3}), "overlaps");
    row("a name twice",
        R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
        floats({1, 2}), "twice");
    row("an unknown type", R"({"a":{"dtype":"F8","shape":[1],"data_offsets":[0,4]}})", floats({1}), "F8");
    row("no type", R"({"a":{"shape":[1],"data_offsets":[0,4]}})", floats({1}), "type");
    row("an entry that is a list", R"({"a":[]})", {}, "object");
    row("a header that is a list", "[]", {}, "object");
    row("nested 200,000 deep", QByteArray(200'000, '['), {}, "nested");
    row("an integer beyond int64", R"({"a":{"dtype":"U64","shape":[1],"data_offsets":[0,8]}})", QByteArray(8, '\xff'),
        "18446744073709551615");
    QTest::newRow("a header beyond the file") << QByteArray(8, '\xff') + "{}" << QByteArray("cut off");
    QTest::newRow("seven bytes") << QByteArray(7, '\0') << QByteArray("safetensors");
}

void TestReaders::safetensors() {
    QFETCH(QByteArray, bytes);
    QFETCH(QByteArray, says);
    refuses([&] { readSafetensors(span(bytes), "file"); }, says);
}

void TestReaders::safetensorsKeepTheirOrder() {
    // The header names the tensors in another order than the data has.
    const QByteArray bytes = safetensorsOf(
        R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},)"
        R"("none":{"dtype":"F32","shape":[0,3],"data_offsets":[4,4]},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})",
        floats({1, 2}));
    const NamedArrays arrays = readSafetensors(span(bytes), "file");
    QCOMPARE(arrays.items.size(), std::size_t{3});
    QCOMPARE(arrays.items[0].first, std::string("b"));
    QCOMPARE(arrays.items[0].second.floats()[0], 2.0f);
    QCOMPARE(arrays.items[1].second.count(), std::int64_t{0});
    QCOMPARE(arrays.items[2].second.floats()[0], 1.0f);
}

void TestReaders::json_data() {
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QByteArray>("says");
    const auto nested = [](const char* open, const char* close, int depth) {
        return QByteArray(open).repeated(depth) + "0" + QByteArray(close).repeated(depth);
    };
    QTest::newRow("64 lists") << nested("[", "]", 64) << QByteArray();
    QTest::newRow("65 lists") << nested("[", "]", 65) << QByteArray("nested more than 64 deep");
    QTest::newRow("65 objects") << nested("{\"a\":", "}", 65) << QByteArray("nested more than 64 deep");
    QTest::newRow("200,000 lists") << nested("[", "]", 200'000) << QByteArray("nested");
    QTest::newRow("200,000 lists, cut off") << QByteArray(200'000, '[') << QByteArray("nested");
    QTest::newRow("a key twice") << QByteArray(R"({"a": {"b": 1, "c": 2, "b": 3}})") << QByteArray("/b");
    QByteArray many = "{";
    for (int i = 0; i < 1000; ++i)
        many += "\"k" + QByteArray::number(i) + "\":0,";
    QTest::newRow("1,000 keys") << many + R"("last":0})" << QByteArray();
    QTest::newRow("a key twice among 1,000") << many + R"("k500":0})" << QByteArray("/k500");
    QTest::newRow("the same key in two objects") << QByteArray(R"([{"a":1},{"a":{"a":2}}])") << QByteArray();
    QTest::newRow("not JSON") << QByteArray("{a}") << QByteArray("not JSON");
    QTest::newRow("empty") << QByteArray() << QByteArray("not JSON");
    QTest::newRow("more after it") << QByteArray("{} {}") << QByteArray("not JSON");
    QTest::newRow("not UTF-8") << QByteArray("\"\xff\"") << QByteArray("not JSON");
}

void TestReaders::json() {
    QFETCH(QByteArray, text);
    QFETCH(QByteArray, says);
    const std::string_view view(text.data(), static_cast<std::size_t>(text.size()));
    if (says.isEmpty())
        QCOMPARE(parseJson(view, "file").dump(), nlohmann::ordered_json::parse(view).dump());
    else
        refuses([&] { parseJson(view, "file"); }, says);
}

void TestReaders::jsonValues() {
    const std::string text =
        R"({"z":[null,true,false,-3,18446744073709551615,2.5,"\u00e9\n",[],{}],"a":{"y":{"x":[[1],[2,3]]}},"b":1e3})";
    const Json json = parseJson(text, "");
    QCOMPARE(json.dump(), nlohmann::ordered_json::parse(text).dump()); // the order of keys included
    QCOMPARE(json["z"][4].get<std::uint64_t>(), std::numeric_limits<std::uint64_t>::max());
    QCOMPARE(json["a"]["y"]["x"][1][1].get<int>(), 3);
    const double infinity = std::numeric_limits<double>::infinity();
    QCOMPARE(Json({jsonNumber(infinity), jsonNumber(-infinity), jsonNumber(-std::nan("")), jsonNumber(0.5)}).dump(),
             std::string(R"(["Infinity","-Infinity","NaN",0.5])"));
}

void TestReaders::wholeNumbers_data() {
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<bool>("whole");
    QTest::addColumn<qint64>("value");
    QTest::newRow("7") << QByteArray("7") << true << qint64{7};
    QTest::newRow("-7") << QByteArray("-7") << true << qint64{-7};
    QTest::newRow("2^63 - 1") << QByteArray("9223372036854775807") << true << std::numeric_limits<qint64>::max();
    QTest::newRow("-2^63") << QByteArray("-9223372036854775808") << true << std::numeric_limits<qint64>::min();
    QTest::newRow("2^63") << QByteArray("9223372036854775808") << false << qint64{0};
    QTest::newRow("2^64 - 1") << QByteArray("18446744073709551615") << false << qint64{0};
    QTest::newRow("2^64") << QByteArray("18446744073709551616") << false << qint64{0};
    QTest::newRow("1.0") << QByteArray("1.0") << false << qint64{0};
    QTest::newRow("true") << QByteArray("true") << false << qint64{0};
    QTest::newRow("text") << QByteArray("\"1\"") << false << qint64{0};
    QTest::newRow("null") << QByteArray("null") << false << qint64{0};
}

void TestReaders::wholeNumbers() {
    QFETCH(QByteArray, text);
    QFETCH(bool, whole);
    QFETCH(qint64, value);
    const auto number = wholeNumber(parseJson(text.toStdString(), ""));
    QCOMPARE(number.has_value(), whole);
    QCOMPARE(qint64{number.value_or(0)}, value);
}

void TestReaders::notAFile_data() {
    QTest::addColumn<QString>("path");
    QTest::newRow("a device without an end") << "/dev/zero";
    QTest::newRow("an empty device") << "/dev/null";
    QTest::newRow("a folder") << "/tmp";
    QTest::newRow("a pipe that nobody writes to") << "pipe";
    QTest::newRow("nothing") << "/no/such/file";
}

void TestReaders::notAFile() {
    QFETCH(QString, path);
    QTemporaryDir folder;
    if (path == "pipe") {
        path = folder.filePath("pipe");
        QCOMPARE(::mkfifo(path.toUtf8().constData(), 0600), 0);
    }
    const std::string file = path.toStdString();
    for (const auto& read : std::initializer_list<std::function<void()>>{
             [&] { readFile(file); }, [&] { readNpy(file); }, [&] { readNpz(file); }, [&] { readSafetensors(file); }}) {
        try {
            read();
            QFAIL("was read");
        } catch (const Error& error) {
            QCOMPARE(error.where, file);
            QVERIFY(!QByteArray(error.what()).contains('\n'));
        }
    }
}

QTEST_GUILESS_MAIN(TestReaders)
#include "tst_readers.moc"
