#include "quant/calibrate/starting_formats.h"
#include "quant/core/error.h"
#include "quant/engine/session.h"
#include "quant/engine/session_data.h"
#include "quant/import/read_weights.h"
#include "quant/io/npz.h"
#include "quant/open_model.h"
#include "support/golden.h"

#include <ATen/ATen.h>

#include <QFile>
#include <QTemporaryDir>
#include <QTest>

#include <zip.h>

using namespace fxp;
using namespace fxp::quant;

/// Files of weights without a program, and files that are refused.
class TestStateDict : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void sameAsTheModels_data();
    void sameAsTheModels();
    void weightsAlone_data();
    void weightsAlone();
    void sourceOfWeights();
    void refused_data();
    void refused();
    void damagedBytes_data();
    void damagedBytes();
};

namespace {

QByteArray read(const std::string& file) {
    QFile in(QString::fromStdString(file));
    return in.open(QIODevice::ReadOnly) ? in.readAll() : QByteArray();
}

void write(const QString& file, const QByteArray& bytes) {
    QFile out(file);
    QVERIFY(out.open(QIODevice::WriteOnly | QIODevice::Truncate));
    out.write(bytes);
}

/// An archive of stored or deflated entries.
QByteArray zipOf(const std::vector<std::pair<const char*, QByteArray>>& entries, bool deflated = false) {
    QTemporaryDir folder;
    const QString file = folder.filePath("a.zip");
    zip_t* archive = zip_open(file.toUtf8().constData(), ZIP_CREATE, nullptr);
    for (const auto& [name, bytes] : entries) {
        const auto index = static_cast<zip_uint64_t>(zip_file_add(
            archive, name, zip_source_buffer(archive, bytes.constData(), static_cast<zip_uint64_t>(bytes.size()), 0),
            ZIP_FL_ENC_UTF_8));
        zip_set_file_compression(archive, index, deflated ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 9);
    }
    zip_close(archive);
    return read(file.toStdString());
}

QByteArray text(const QByteArray& value) {
    const auto length = static_cast<quint32>(value.size());
    return "X" + QByteArray(reinterpret_cast<const char*>(&length), 4) + value;
}
QByteArray integer(qint32 value) {
    return "J" + QByteArray(reinterpret_cast<const char*>(&value), 4);
}
QByteArray global(const QByteArray& module, const QByteArray& name) {
    return "c" + module + "\n" + name + "\n";
}

/// {"w": a float tensor of `elements` in its storage, with that offset, size and stride}, as torch.save pickles it.
QByteArray tensorPickle(int elements, int offset, int size, int stride, const QByteArray& more = {}) {
    const QByteArray storage =
        "(" + text("storage") + global("torch", "FloatStorage") + text("0") + text("cpu") + integer(elements) + "tQ";
    const QByteArray tensor = global("torch._utils", "_rebuild_tensor_v2") + "(" + storage + integer(offset) +
                              integer(size) + "\x85" + integer(stride) + "\x85" + "\x89" +
                              global("collections", "OrderedDict") + ")RtR";
    return QByteArray("\x80\x02}", 3) + text("w") + tensor + "s" + more + ".";
}

QByteArray stateDict(const QByteArray& pickle, const QByteArray& data = QByteArray(16, '\0')) {
    return zipOf({{"archive/data.pkl", pickle}, {"archive/data/0", data}, {"archive/version", "3\n"}});
}

} // namespace

void TestStateDict::sameAsTheModels_data() {
    QTest::addColumn<QString>("network");
    QTest::addColumn<QString>("file");
    for (const char* network : {"digits_cnn", "mtcnn_pnet"}) {
        for (const char* file : {"state_dict.pth", "state_dict_legacy.pth", "weights.safetensors"})
            QTest::addRow("%s/%s", network, file) << network << file;
    }
}

void TestStateDict::sameAsTheModels() {
    QFETCH(QString, network);
    QFETCH(QString, file);
    const std::string folder = test::modelFolder() + "/" + network.toStdString() + "/";
    const NamedArrays expected = openModel(folder + "traced.pt")->parameters();
    const NamedArrays got = readWeights(folder + file.toStdString());
    QCOMPARE(got.items.size(), expected.items.size());
    for (const auto& [name, array] : expected.items) {
        const Array* own = got.find(name);
        QVERIFY2(own, name.c_str());
        QVERIFY(own->shape == array.shape && own->bytes == array.bytes);
    }
}

void TestStateDict::weightsAlone_data() {
    sameAsTheModels_data();
}

void TestStateDict::weightsAlone() {
    QFETCH(QString, network);
    QFETCH(QString, file);
    const std::string folder = test::modelFolder() + "/" + network.toStdString() + "/";
    auto session = openModel(folder + file.toStdString());
    QVERIFY(session->isWeightsOnly());
    QVERIFY(session->arguments().empty());
    QVERIFY(session->setSamples(Samples{}));
    // A slot for each tensor of floats, named as in the file.
    QStringList slotNames, wanted;
    for (const SlotInfo& slot : session->slots())
        slotNames << QString::fromStdString(slot.path);
    for (const auto& [name, array] : session->parameters().items) {
        if (array.type == ElementType::Float32)
            wanted << QString::fromStdString(name);
    }
    slotNames.sort();
    wanted.sort();
    QCOMPARE(slotNames, wanted);
    const auto formats = session->calibrate(startingFormats(session->slots(), {}), {});
    QVERIFY(formats);
    const RunSnapshot result = session->run(*formats);
    QVERIFY(result->complete);
    for (std::size_t i = 0; i < formats->size(); ++i) {
        QVERIFY((*formats)[i].isComplete());
        QVERIFY(result->slots[i]);
        QCOMPARE(result->slots[i]->figures.overflow(), 0);
    }
    try {
        session->setSamples({{{{"image", Array::ofFloats({1}, {1})}}}, {}});
        QFAIL("taken");
    } catch (const Error& error) {
        QVERIFY2(QString(error.what()).contains("weights and no program"), error.what());
    }
}

void TestStateDict::sourceOfWeights() {
    const std::string folder = test::modelFolder() + "/digits_cnn/";
    auto session = openModel(folder + "traced.pt");
    QVERIFY(session->setSamples({readNpz(folder + "inputs.npz"), {}}));
    const NamedArrays before = session->outputs(true);
    NamedArrays weights = readWeights(folder + "state_dict_legacy.pth");
    QVERIFY(session->setParameters(weights));
    QVERIFY(session->outputs(true).items[0].second.bytes == before.items[0].second.bytes);
}

void TestStateDict::refused_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("says");
    const QByteArray good = tensorPickle(4, 0, 4, 1);
    QTest::newRow("a whole module") << stateDict(QByteArray("\x80\x02", 2) +
                                                 global("torch.nn.modules.linear", "Linear") + ")\x81.")
                                    << "torch.nn.modules.linear.Linear";
    QTest::newRow("a command") << stateDict(QByteArray("\x80\x02", 2) + global("posix", "system") + "(" +
                                            text("touch x") + "tR.")
                               << "posix.system";
    QTest::newRow("size beyond the storage") << stateDict(tensorPickle(4, 0, 5, 1)) << "beyond its storage";
    QTest::newRow("offset beyond the storage") << stateDict(tensorPickle(4, 1, 4, 1)) << "beyond its storage";
    QTest::newRow("stride beyond the storage") << stateDict(tensorPickle(4, 0, 4, 2)) << "beyond its storage";
    QTest::newRow("negative stride") << stateDict(tensorPickle(4, 3, 4, -1)) << "strides";
    QTest::newRow("negative size") << stateDict(tensorPickle(4, 0, -4, 1)) << "larger than the file";
    QTest::newRow("large by a stride of 0") << stateDict(tensorPickle(4, 0, 2000000000, 0)) << "larger than the file";
    QTest::newRow("storage of another size") << stateDict(tensorPickle(5, 0, 4, 1)) << "not 5 elements";
    QTest::newRow("no storage") << zipOf({{"archive/data.pkl", good}, {"archive/version", "3"}}) << "no entry";
    QTest::newRow("no tensors") << stateDict(QByteArray("\x80\x02}.", 4)) << "no tensors";
    QTest::newRow("cut off") << stateDict(good.left(good.size() - 5)) << "cut off";
    QTest::newRow("unknown opcode") << stateDict(QByteArray("\x80\x02i", 3)) << "opcode";
    QTest::newRow("in itself") << stateDict(QByteArray("\x80\x02]q\x00h\x00"
                                                       "a.",
                                                       9))
                               << "64 deep";
    QTest::newRow("name twice") << stateDict(tensorPickle(
                                       4, 0, 4, 1, text("w") + tensorPickle(4, 0, 4, 1).mid(3 + 6).chopped(2) + "s"))
                                << "two tensors";
    QTest::newRow("bytes after the pickle") << stateDict(good + "any") << "3 bytes after its end";
    QTest::newRow("more values than weights have")
        << stateDict(QByteArray("\x80\x02", 2) + QByteArray((1 << 22) + 1, 'N') + ".") << "more values";
    QTest::newRow("digits that are none") << stateDict(QByteArray("\x80\x02I12x\n.", 8)) << "is no number of its kind";
    QTest::newRow("digits beyond int64") << stateDict(QByteArray("\x80\x02I", 3) + QByteArray(30, '9') + "\n.")
                                         << "is no number of its kind";
    const double large[] = {1, -1e39};
    QByteArray doubles = tensorPickle(2, 0, 2, 1);
    doubles.replace("FloatStorage", "DoubleStorage");
    QTest::newRow("a number beyond float32")
        << stateDict(doubles, QByteArray(reinterpret_cast<const char*>(large), sizeof large))
        << "-1e+39 as its element 1";
    QTest::newRow("zip bomb") << zipOf({{"archive/data.pkl", good},
                                        {"archive/data/0", QByteArray(400 << 20, '\0')},
                                        {"archive/version", "3"}},
                                       true)
                              << "inflates to more";
    QTest::newRow("torch.package") << zipOf({{"m/.data/extern_modules", "torch"}, {"m/model.py", "import os"}})
                                   << "is a torch.package archive, which is code; export the model with torch.jit.save";
    QTest::newRow("Keras") << zipOf({{"config.json", "{}"}, {"model.weights.h5", "x"}}) << "is a Keras model";
    QTest::newRow("HDF5") << QByteArray("\x89HDF\r\n\x1a\n") + QByteArray(40, '\0') << "HDF5";
    QTest::newRow("TensorFlow Lite") << QByteArray("\x1c\0\0\0TFL3", 8) + QByteArray(40, '\0') << "TensorFlow Lite";
    QTest::newRow("any archive") << zipOf({{"readme.txt", "hello"}}) << "holds no model";
    QTest::newRow("any pickle") << QByteArray("\x80\x02}.", 4) + QByteArray("\x80\x02}.", 4) +
                                       QByteArray("\x80\x02}.", 4)
                                << "not one of torch.save";
}

void TestStateDict::refused() {
    QFETCH(QByteArray, bytes);
    QFETCH(QString, says);
    QTemporaryDir folder;
    const QString file = folder.filePath("model.pt");
    write(file, bytes);
    try {
        openModel(file.toStdString());
        QFAIL("opened");
    } catch (const Error& error) {
        QVERIFY2(QString(error.what()).contains(says), error.what());
        QVERIFY2(QString::fromStdString(error.where).startsWith(file), error.where.c_str());
    }
}

void TestStateDict::damagedBytes_data() {
    QTest::addColumn<QString>("name");
    for (const char* name : {"state_dict.pth", "state_dict_legacy.pth", "weights.safetensors"})
        QTest::newRow(name) << name;
}

/// Whatever is done to the bytes, the file opens or is refused by an Error.
void TestStateDict::damagedBytes() {
    QFETCH(QString, name);
    const QByteArray whole = read(test::modelFolder() + "/mtcnn_pnet/" + name.toStdString());
    QVERIFY(!whole.isEmpty());
    QTemporaryDir folder;
    const QString file = folder.filePath("weights.pt");
    const auto tryBytes = [&](const QByteArray& bytes) {
        write(file, bytes);
        try {
            openModel(file.toStdString());
        } catch (const Error&) {
        }
    };
    for (qsizetype length = 4; length < whole.size(); length += whole.size() / 60)
        tryBytes(whole.left(length));
    std::uint32_t random = 3;
    for (int round = 0; round < 400; ++round) {
        QByteArray bytes = whole;
        for (int i = 0; i < 3; ++i) {
            random = random * 1664525 + 1013904223;
            // Half of them where the file says what it holds.
            const qsizetype range = round % 2 == 0 ? std::min<qsizetype>(bytes.size(), 2000) : bytes.size();
            bytes[static_cast<qsizetype>(random >> 8) % range] = static_cast<char>(random >> 3);
        }
        tryBytes(bytes);
    }
}

QTEST_GUILESS_MAIN(TestStateDict)
#include "tst_state_dict.moc"
