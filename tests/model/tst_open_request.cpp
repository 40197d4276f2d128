#include "model/document.h"
#include "model/files_beside.h"
#include "model/input_plan.h"
#include "model/samples_loader.h"
#include "quant/calibrate/starting_formats.h"
#include "quant/io/npz.h"
#include "quant/io/safetensors.h"
#include "quant/open_model.h"
#include "support/golden.h"
#include "support/opened_document.h"

#include <QDir>
#include <QFile>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>

#include <cmath>

using namespace fxp;
using model::Document;
using model::InputSource;
using model::OpenRequest;
using Argument = quant::ArgumentInfo;

/// What a request means for a model: where its inputs come from, what is missing, and what opening it does.
class TestOpenRequest : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void plan_data();
    void plan();
    void shapes_data();
    void shapes();
    void split_data();
    void split();
    void filesAreToldApart();
    void beside();
    void signature_data();
    void signature();
    void signatureStops();
    void valuesReachTheModel();
    void allAtOnceOrNothing_data();
    void allAtOnceOrNothing();
    void wrongLabelCount();
    void heldOutSamplesJudgeOnly();

  private:
    QString folder(const QString& network) const { return QString::fromStdString(test::modelFolder()) + "/" + network; }
    OpenRequest cnn() const;
    QTemporaryDir m_files;
};

OpenRequest TestOpenRequest::cnn() const {
    OpenRequest request;
    request.model = folder("digits_cnn") + "/traced.pt";
    request.samples << folder("digits_cnn") + "/inputs.npz";
    request.labels = folder("digits_cnn") + "/labels.npy";
    return request;
}

namespace {

Argument tensor(const char* name, bool optional = false) {
    return {name, Argument::Kind::Tensor, optional, "Tensor", {}};
}
Argument whole(const char* name, bool optional = false) {
    return {name, Argument::Kind::Integer, optional, "int", {}};
}
model::ArrayInfo array(const char* name, std::vector<std::int64_t> shape) {
    return {name, quant::ElementType::Float32, std::move(shape)};
}
InputSource file(const char* name) {
    return {InputSource::Kind::File, name, 0, {}};
}
InputSource number(double value, std::vector<std::int64_t> shape = {}) {
    return {InputSource::Kind::Value, {}, value, std::move(shape)};
}
InputSource random(std::vector<std::int64_t> shape) {
    return {InputSource::Kind::Random, {}, 0, std::move(shape)};
}

/// "x<a, state=0[2 × 1], sr!" : what every input gets; ! where something is missing.
QString text(const model::InputPlan& plan) {
    QStringList parts;
    for (const auto& planned : plan.inputs) {
        QString part = QString::fromStdString(planned.input.name);
        if (!planned.missing.isEmpty())
            part += '!';
        else if (planned.how == model::PlannedInput::How::Default)
            part += '-';
        else if (planned.source.kind == InputSource::Kind::File)
            part += '<' + planned.source.array;
        else
            part +=
                (planned.source.kind == InputSource::Kind::Random ? "~" : "=" + QString::number(planned.source.value)) +
                (planned.shape.empty() ? QString() : '[' + model::shapeText(planned.shape) + ']') +
                (planned.isExample() ? "?" : "");
        parts << part;
    }
    return parts.join(", ") + " of " + QString::number(plan.sampleCount);
}

} // namespace

Q_DECLARE_METATYPE(std::vector<fxp::quant::ArgumentInfo>)
Q_DECLARE_METATYPE(std::vector<fxp::model::ArrayInfo>)
Q_DECLARE_METATYPE(fxp::model::OpenRequest)

void TestOpenRequest::plan_data() {
    QTest::addColumn<std::vector<Argument>>("inputs");
    QTest::addColumn<std::vector<model::ArrayInfo>>("arrays");
    QTest::addColumn<OpenRequest>("request");
    QTest::addColumn<QString>("expected");
    const auto row = [](const char* name, std::vector<Argument> inputs, std::vector<model::ArrayInfo> arrays,
                        std::map<QString, InputSource> sources, const char* expected) {
        OpenRequest request;
        request.inputs = std::move(sources);
        QTest::newRow(name) << inputs << arrays << request << QString::fromUtf8(expected);
    };
    const double none = std::nan("");
    row("by name", {tensor("x")}, {array("x", {5, 3})}, {}, "x<x of 5");
    row("the only array", {tensor("x")}, {array("image", {5, 3})}, {}, "x<image of 5");
    row("two arrays for one input", {tensor("x")}, {array("a", {5, 3}), array("b", {5, 3})}, {}, "x! of 1");
    row("one of them chosen", {tensor("x")}, {array("a", {5, 3}), array("b", {4, 3})}, {{"x", file("b")}}, "x<b of 4");
    row("one by name, one left", {tensor("x"), tensor("y")}, {array("y", {5}), array("z", {5})}, {}, "x<z, y<y of 5");
    row("a number is not guessed", {tensor("x"), whole("sr")}, {array("x", {1, 512})}, {}, "x<x, sr! of 1");
    row("a number given", {tensor("x"), whole("sr")}, {array("x", {1, 512})}, {{"sr", number(16000)}},
        "x<x, sr=16000 of 1");
    row("a number not typed yet", {tensor("x"), whole("sr")}, {array("x", {2, 5})}, {{"sr", number(none)}},
        "x<x, sr! of 2");
    row("half a whole number", {tensor("x"), whole("sr")}, {array("x", {2, 5})}, {{"sr", number(0.5)}},
        "x<x, sr! of 2");
    row("an array for a number", {whole("sr")}, {array("sr", {2})}, {}, "sr! of 1");
    row("a scalar of the file for a number", {tensor("x"), whole("sr")}, {array("x", {3, 5}), array("sr", {})}, {},
        "x<x, sr<sr of 3");
    row("default", {tensor("x"), whole("sr", true)}, {array("x", {3, 5})}, {}, "x<x, sr- of 3");
    row("one number everywhere", {tensor("x"), tensor("state")}, {array("x", {1, 5})},
        {{"state", number(0, {2, 1, 8})}}, "x<x, state=0[2 × 1 × 8] of 1");
    row("nothing at all", {tensor("x")}, {}, {}, "x! of 1");
    row("random", {tensor("x")}, {}, {{"x", random({16, 4})}}, "x~[16 × 4] of 16");
    row("random without a shape", {tensor("x")}, {}, {{"x", random({})}}, "x! of 1");
    const Argument open{"x", Argument::Kind::Tensor, false, "Tensor", {}, std::vector<std::int64_t>{-1, 3, 8}};
    const Argument opener{"x", Argument::Kind::Tensor, false, "Tensor", {}, std::vector<std::int64_t>{-1, 3, -1}};
    row("random, the number of samples open", {open}, {}, {{"x", random({})}}, "x~[16 × 3 × 8]? of 16");
    row("random, chosen by the user", {open}, {}, {{"x", random({4, 3, 8})}}, "x~[4 × 3 × 8] of 4");
    row("random, more sizes open", {opener}, {}, {{"x", random({})}}, "x! of 1");
    row("a shape that cannot be", {tensor("x")}, {}, {{"x", random({16, 0})}}, "x! of 16");
    row("more than there is memory", {tensor("x")}, {}, {{"x", random({1 << 20, 1 << 20})}}, "x! of 1048576");
    row("no such array", {tensor("x")}, {array("x", {5, 3})}, {{"x", file("y")}}, "x! of 1");
    row("an empty array", {tensor("x")}, {array("x", {0, 3})}, {}, "x! of 1");
    row("first sizes differ", {tensor("x"), tensor("y")}, {array("x", {5, 3}), array("y", {4})}, {}, "x<x, y<y of 1");
    row("a list", {{"x", Argument::Kind::Other, false, "List[Tensor]", {}}}, {array("x", {5, 3})}, {}, "x! of 1");
}

void TestOpenRequest::plan() {
    QFETCH(std::vector<Argument>, inputs);
    QFETCH(std::vector<model::ArrayInfo>, arrays);
    QFETCH(OpenRequest, request);
    QFETCH(QString, expected);
    const model::InputPlan plan = model::planInputs(inputs, arrays, request);
    QCOMPARE(text(plan), expected);
    QCOMPARE(plan.incomplete() != nullptr, expected.contains('!'));
    if (plan.incomplete())
        QVERIFY(!plan.incomplete()->hint.isEmpty());
}

void TestOpenRequest::shapes_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<bool>("good");
    QTest::addColumn<QString>("shape");
    QTest::newRow("as the command line has it") << "16x1x28x28" << true << "16 × 1 × 28 × 28";
    QTest::newRow("as it is shown") << "16 × 1 × 28" << true << "16 × 1 × 28";
    QTest::newRow("as Python has it") << "(16, 1, 28)" << true << "16 × 1 × 28";
    QTest::newRow("a list") << "[16,1]" << true << "16 × 1";
    QTest::newRow("one") << " 7 " << true << "7";
    QTest::newRow("none") << "" << true << "";
    QTest::newRow("a letter") << "16xa" << false << "";
    QTest::newRow("nothing of a size") << "16x0" << false << "";
    QTest::newRow("negative") << "-1x4" << false << "";
}

void TestOpenRequest::shapes() {
    QFETCH(QString, text);
    QFETCH(bool, good);
    QFETCH(QString, shape);
    const auto read = model::shapeFrom(text);
    QCOMPARE(read.has_value(), good);
    if (read)
        QCOMPARE(model::shapeText(*read), shape);
}

void TestOpenRequest::split_data() {
    QTest::addColumn<qint64>("count");
    QTest::addColumn<double>("heldOut");
    QTest::addColumn<qint64>("chosen");
    QTest::newRow("none held out") << qint64{397} << 0.0 << qint64{0};
    QTest::newRow("one sample") << qint64{1} << 0.5 << qint64{0};
    QTest::newRow("two") << qint64{2} << 0.5 << qint64{1};
    QTest::newRow("a fifth") << qint64{10} << 0.2 << qint64{8};
    QTest::newRow("nearly all held out") << qint64{10} << 0.999 << qint64{1};
    QTest::newRow("nearly none") << qint64{10} << 1e-9 << qint64{9};
    for (const qint64 chosen : {1, 122, 200, 396})
        QTest::addRow("back from a handle at %lld", chosen) << qint64{397} << double(397 - chosen) / 397 << chosen;
}

void TestOpenRequest::split() {
    QFETCH(qint64, count);
    QFETCH(double, heldOut);
    QFETCH(qint64, chosen);
    QCOMPARE(model::chosenOn(count, heldOut), chosen);
}

void TestOpenRequest::filesAreToldApart() {
    OpenRequest base;
    base.model = "/a/old.pt";
    base.labels = "/a/old_labels.npy";
    base.inputs["sr"] = number(16000);
    base.inputs["x"] = file("x");
    const OpenRequest all = model::withFiles(
        base, {"/b/net.pt", "/b/inputs.npz", "/b/labels.npy", "/b/net.qconfig.json", "/b/w.safetensors"});
    QCOMPARE(all.model, QString("/b/net.pt"));
    QCOMPARE(all.samples, QStringList{"/b/inputs.npz"});
    QCOMPARE(all.labels, QString("/b/labels.npy"));
    QCOMPARE(all.qconfig, QString("/b/net.qconfig.json"));
    QCOMPARE(all.weights, QString("/b/w.safetensors"));
    QVERIFY(all.inputs.empty()); // they were another model's
    const OpenRequest more = model::withFiles(base, {"/b/inputs.npz"});
    QCOMPARE(more.model, base.model);
    QCOMPARE(more.labels, base.labels);
    QVERIFY(more.inputs.size() == 1 && more.inputs.at("sr") == number(16000));
}

void TestOpenRequest::beside() {
    const QDir folder(m_files.filePath("beside"));
    QVERIFY(folder.mkpath("."));
    const auto touch = [&](const QString& name, const QByteArray& bytes) {
        QFile out(folder.filePath(name));
        QVERIFY(out.open(QIODevice::WriteOnly));
        out.write(bytes);
    };
    touch("net.pt", "abc");
    QCOMPARE(model::filesBeside(folder.filePath("net.pt")), OpenRequest{});
    touch("inputs.npz", "");
    touch("labels.npy", "");
    touch("other.qconfig.json", R"({"model": {"sha256": "00"}})");
    OpenRequest found = model::filesBeside(folder.filePath("net.pt"));
    QCOMPARE(found.samples, QStringList{folder.absoluteFilePath("inputs.npz")});
    QCOMPARE(found.labels, folder.absoluteFilePath("labels.npy"));
    QCOMPARE(found.qconfig, QString()); // another model's
    // SHA-256 of "abc": FIPS 180-2, appendix B.1.
    touch("other.qconfig.json",
          R"({"model": {"sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}})");
    touch("net.npz", "");
    found = model::filesBeside(folder.filePath("net.pt"));
    QCOMPARE(found.samples, QStringList{folder.absoluteFilePath("net.npz")}); // its own before anybody's
    QCOMPARE(found.qconfig, folder.absoluteFilePath("other.qconfig.json"));
}

void TestOpenRequest::signature_data() {
    QTest::addColumn<QString>("file");
    QTest::addColumn<QString>("kind");
    QTest::addColumn<QString>("inputs");
    QTest::addColumn<qint64>("parameters");
    QTest::addColumn<bool>("opens");
    // −1: as many as the modules have.
    QTest::newRow("traced") << folder("digits_cnn/traced.pt") << "TorchScript"
                            << "image: Tensor" << qint64{-1} << true;
    QTest::newRow("scripted, with a number") << folder("silero_vad/silero_vad.jit") << "TorchScript"
                                             << "x: Tensor, sr: int" << qint64{-1} << true;
    const QString text = m_files.filePath("text.onnx"), tensors = m_files.filePath("three.safetensors");
    QFile out(text);
    QVERIFY(out.open(QIODevice::WriteOnly));
    out.write("\x08\x07\x12\x07pytorch");
    quant::NamedArrays arrays;
    arrays.items.emplace_back("w", quant::Array::ofFloats({3}, {1, 2, 3}));
    quant::writeSafetensors(tensors.toStdString(), arrays);
    QTest::newRow("ONNX by its bytes") << text << "ONNX"
                                       << "" << qint64{0} << false;
    QTest::newRow("weights alone") << tensors << "safetensors"
                                   << "" << qint64{3} << true;
}

void TestOpenRequest::signature() {
    QFETCH(QString, file);
    QFETCH(QString, kind);
    QFETCH(QString, inputs);
    QFETCH(qint64, parameters);
    QFETCH(bool, opens);
    const quant::ModelSignature signature = quant::readSignature(file.toStdString());
    QCOMPARE(QString::fromLatin1(nameOf(signature.container).data()), kind);
    QCOMPARE(signature.fileBytes, QFile(file).size());
    QStringList got;
    for (const auto& input : signature.inputs)
        got << QString::fromStdString(input.name + ": " + input.type);
    QCOMPARE(got.join(", "), inputs);
    QCOMPARE(signature.problem.empty(), opens);
    QCOMPARE(signature.weightsOnly, kind == "safetensors");
    QCOMPARE(signature.hint.empty(), opens);
    if (parameters >= 0)
        QCOMPARE(qint64(signature.parameters), parameters);
    else
        QVERIFY(signature.parameters > 0 && !signature.version.empty() && !signature.outputs.empty());
}

void TestOpenRequest::signatureStops() {
    QVERIFY_THROWS_EXCEPTION(
        quant::Stopped, quant::readSignature((folder("digits_cnn") + "/traced.pt").toStdString(), [] { return true; }));
    QVERIFY_THROWS_EXCEPTION(Error, quant::readSignature("/no/such.pt"));
}

/// A number, and an array under another name, give what the reference implementation gave for them.
void TestOpenRequest::valuesReachTheModel() {
    const QString silero = folder("silero_vad");
    const auto given = quant::readNpz((silero + "/inputs.npz").toStdString());
    quant::NamedArrays renamed;
    renamed.items.emplace_back("audio", *given.find("x"));
    renamed.items.emplace_back("unused", quant::Array::ofFloats({2}, {1, 2}));
    const QString samples = m_files.filePath("renamed.npz");
    quant::writeNpz(samples.toStdString(), renamed);
    OpenRequest request;
    request.model = silero + "/silero_vad.jit";
    request.samples << samples;
    request.inputs["x"] = file("audio");
    Document document;
    model::Failure told;
    document.openModel(
        request, [] { QFAIL("sr is missing"); }, [&](const model::Failure& failure) { told = failure; });
    QTRY_COMPARE_WITH_TIMEOUT(told.where, QString("sr"), 60'000);
    QVERIFY(told.incomplete && !document.isOpen());

    request.inputs["sr"] = number(16000);
    document.openModel(request);
    QTRY_VERIFY_WITH_TIMEOUT(document.isOpen() && !document.isBusy(), 60'000);
    QCOMPARE(document.request(), request);
    QVERIFY(!document.model()->randomSamples);
    const auto& inputs = document.model()->samples->inputs;
    QCOMPARE(inputs.items.size(), std::size_t{2});
    QVERIFY(inputs.find("x")->bytes == given.find("x")->bytes);
    QCOMPARE(inputs.find("sr")->integers()[0], std::int64_t{16000});

    request.samples.clear();
    request.inputs["x"] = random({1, 512});
    request.seed = 3;
    document.openModel(request);
    QTRY_VERIFY_WITH_TIMEOUT(document.model()->randomSamples && !document.isBusy(), 60'000);
    const auto first = document.model()->samples->inputs.find("x")->bytes;
    request.seed = 4;
    document.openModel(request);
    QTRY_VERIFY_WITH_TIMEOUT(document.request() == request && !document.isBusy(), 60'000);
    QVERIFY(document.model()->samples->inputs.find("x")->bytes != first);
}

void TestOpenRequest::allAtOnceOrNothing_data() {
    QTest::addColumn<QString>("wrong");
    for (const char* wrong : {"", "model", "samples", "labels", "qconfig", "weights", "cancelled"})
        QTest::newRow(*wrong ? wrong : "all good") << wrong;
}

/// One job for all: what is wrong with any of the files leaves the document as it was.
void TestOpenRequest::allAtOnceOrNothing() {
    QFETCH(QString, wrong);
    Document document;
    QVERIFY(test::openAndRun(document, folder("digits_cnn"), "scripted.pt"));
    OpenRequest request = cnn();
    // Formats and weights that can be told from those of the file.
    request.weights = m_files.filePath("w.safetensors");
    request.qconfig = m_files.filePath("q.json");
    request.heldOut = 0.25;
    auto session = quant::openModel(request.model.toStdString());
    quant::NamedArrays weights;
    const quant::NamedArrays parameters = session->parameters();
    const auto& [name, value] = parameters.items.front();
    weights.items.emplace_back(
        name, quant::Array::ofFloats(value.shape, std::vector<float>(std::size_t(value.count()), 0.25F)));
    quant::writeSafetensors(request.weights.toStdString(), weights);
    {
        Document other;
        QVERIFY(test::openAndRun(other, folder("digits_cnn"), "traced.pt"));
        other.setFormats({{other.slotOf("conv1.weight"), {7, 5, {}, {}}}}, "edit");
        other.saveQConfig(request.qconfig);
    }
    const QString broken = m_files.filePath("broken");
    QFile out(broken);
    QVERIFY(out.open(QIODevice::WriteOnly));
    out.write("PK and nothing more");
    out.close();
    if (wrong == "model")
        request.model = broken;
    if (wrong == "samples")
        request.samples = QStringList{broken + ".npz"};
    if (wrong == "labels" || wrong == "qconfig" || wrong == "weights")
        (wrong == "labels" ? request.labels : wrong == "qconfig" ? request.qconfig : request.weights) = broken;

    document.setFormats({{0, {6, 3, {}, {}}}}, "edit"); // its run has not begun
    const auto model = document.model();
    const auto formats = document.formats();
    QSignalSpy failed(&document, &Document::failed), changed(&document, &Document::modelChanged);
    document.openModel(request);
    if (wrong == "cancelled")
        document.cancelOpening();
    QVERIFY(test::settled(document));
    QCOMPARE(failed.count(), wrong.isEmpty() || wrong == "cancelled" ? 0 : 1);
    if (!wrong.isEmpty()) {
        QCOMPARE(changed.count(), 0);
        QVERIFY(document.model() == model && document.formats() == formats && document.isModified());
        QVERIFY(document.slotResult(0)->format == document.format(0));
        return;
    }
    QCOMPARE(document.request(), request);
    QVERIFY(!document.isModified());
    QCOMPARE(document.undoStack()->count(), 0);
    QVERIFY((document.format(document.slotOf("conv1.weight")) == quant::QType{7, 5, {}, {}}));
    QCOMPARE(document.model()->chosenOn, std::int64_t{298}); // 397 · 3/4 = 297.75
    document.saveWeights(m_files.filePath("back.safetensors"));
    QTRY_VERIFY_WITH_TIMEOUT(!document.isBusy(), 30'000);
    QVERIFY(quant::readSafetensors(m_files.filePath("back.safetensors").toStdString()).find(name)->bytes ==
            weights.items.front().second.bytes);
}

void TestOpenRequest::wrongLabelCount() {
    const QString labels = m_files.filePath("few_labels.npz");
    quant::NamedArrays arrays;
    arrays.items.emplace_back("labels", quant::Array::ofIntegers({3}, {1, 2, 3}));
    quant::writeNpz(labels.toStdString(), arrays);
    OpenRequest request = cnn();
    request.labels = labels;
    Document document;
    QSignalSpy notices(&document, &Document::noticeWhile);
    document.openModel(request);
    QVERIFY(test::settled(document));
    QVERIFY(document.model()->samples->labels.empty());
    QVERIFY(document.request().labels.isEmpty());
    QCOMPARE(notices.count(), 1);
    QVERIFY2(notices[0][0].toString().contains("3 labels for 397 samples"), qPrintable(notices[0][0].toString()));
}

/// Formats are those of a calibration on the first samples alone, and accuracy is told of the others.
void TestOpenRequest::heldOutSamplesJudgeOnly() {
    const auto all = quant::readNpz((folder("digits_cnn") + "/inputs.npz").toStdString());
    const quant::Array& images = all.items.front().second;
    constexpr std::int64_t kChosen = 100;
    const std::int64_t size = images.count() / images.shape[0];
    // What is held out is a hundred times as large: whoever looks at it finds other formats.
    std::vector<float> values(images.floats(), images.floats() + images.count());
    for (std::size_t i = static_cast<std::size_t>(kChosen * size); i < values.size(); ++i)
        values[i] *= 100;
    quant::Samples whole, part;
    whole.inputs.items.emplace_back("image", quant::Array::ofFloats(images.shape, values));
    whole.labels = model::readLabels(folder("digits_cnn") + "/labels.npy");
    whole.chosenOn = kChosen;
    auto shape = images.shape;
    shape[0] = kChosen;
    values.resize(static_cast<std::size_t>(kChosen * size));
    part.inputs.items.emplace_back("image", quant::Array::ofFloats(shape, values));
    const auto labels = whole.labels;
    const std::string file = (folder("digits_cnn") + "/traced.pt").toStdString();
    const auto split = quant::openModel(file), alone = quant::openModel(file);
    QVERIFY(split->setSamples(std::move(whole)));
    QVERIFY(alone->setSamples(std::move(part)));
    QCOMPARE(split->chosenOn(), kChosen);
    const quant::Formats starting = quant::startingFormats(split->slots(), {});
    for (const quant::Method method : {quant::Method::NoOverflow, quant::Method::MinMse}) {
        quant::CalibrationOptions options;
        options.parameters = options.activations = method;
        const auto formats = split->calibrate(starting, options);
        QVERIFY(*formats == *alone->calibrate(starting, options));
        const auto result = split->run(*formats);
        std::int64_t right = 0;
        for (std::size_t i = kChosen; i < labels.size(); ++i)
            right += result->predictions.fromFixed[i] == labels[i];
        QCOMPARE(result->predictions.chosenOn, kChosen);
        QCOMPARE(*result->predictions.heldOutAccuracyFixed(), double(right) / double(labels.size() - kChosen));
    }
}

QTEST_GUILESS_MAIN(TestOpenRequest)
#include "tst_open_request.moc"
