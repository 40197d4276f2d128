#include "quant/core/error.h"
#include "quant/engine/session.h"
#include "quant/engine/session_data.h"
#include "quant/import/torchscript.h"
#include "quant/io/qconfig.h"
#include "quant/open_model.h"
#include "support/golden.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/api/module.h>

#include <QTemporaryDir>
#include <QTest>

#include <cmath>
#include <zip.h>

using namespace fxp;
using namespace fxp::quant;

/// Small scripted models with what real ones hide: in-place operators, views, control flow, state, containers. Each
/// must give what LibTorch's own interpreter gives, and the same again when it is run with all formats float.
class TestFunctionalize : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void equalsTheInterpreter_data();
    void equalsTheInterpreter();
    void missingOperatorIsNamed();
    void operatorsAreNamedInOrder();
    void writesThroughAnotherTypeAreNamed_data();
    void writesThroughAnotherTypeAreNamed();
    void numbersReadAreNoted_data();
    void numbersReadAreNoted();
    void trainingIsNoted_data();
    void trainingIsNoted();
    void constantsAreRoundedOnce();
    void openingIsStopped_data();
    void openingIsStopped();

  private:
    std::unique_ptr<Session> open(const std::string& code, const std::function<void(torch::jit::Module&)>& fill = {});
    QTemporaryDir m_folder;
    torch::jit::Module m_module{"__torch__.M"};
};

namespace {

void renameInArchive(const std::string& file, const QByteArray& from, const QByteArray& to) {
    int code = 0;
    zip_t* archive = zip_open(file.c_str(), 0, &code);
    QVERIFY(archive);
    std::vector<QByteArray> kept; // libzip reads them when it closes the archive
    kept.reserve(16);
    for (zip_int64_t i = 0; i < zip_get_num_entries(archive, 0); ++i) {
        zip_stat_t stat;
        QCOMPARE(zip_stat_index(archive, zip_uint64_t(i), 0, &stat), 0);
        if (!QByteArray(stat.name).endsWith(".py"))
            continue;
        QByteArray text(qsizetype(stat.size), '\0');
        zip_file_t* entry = zip_fopen_index(archive, zip_uint64_t(i), 0);
        QCOMPARE(zip_fread(entry, text.data(), stat.size), zip_int64_t(stat.size));
        zip_fclose(entry);
        kept.push_back(text.replace(from, to));
        zip_source_t* source = zip_source_buffer(archive, kept.back().data(), zip_uint64_t(kept.back().size()), 0);
        QCOMPARE(zip_file_replace(archive, zip_uint64_t(i), source, 0), 0);
        zip_set_file_compression(archive, zip_uint64_t(i), ZIP_CM_STORE, 0);
    }
    QCOMPARE(zip_close(archive), 0);
}

} // namespace

void TestFunctionalize::writesThroughAnotherTypeAreNamed_data() {
    QTest::addColumn<QString>("line");
    QTest::addColumn<QString>("named");
    QTest::newRow("read after a write to all of it") << "torch.view_as_real(z).mul_(2.0)"
                                                     << "aten::view_as_real";
    QTest::newRow("a write to a part") << "torch.view_as_real(z)[0] = 1.0"
                                       << "aten::copy_";
}

void TestFunctionalize::writesThroughAnotherTypeAreNamed() {
    QFETCH(QString, line);
    QFETCH(QString, named);
    auto session = open("def forward(self, x):\n    z = torch.complex(x, x * 2)\n    " + line.toStdString() +
                        "\n    return torch.view_as_real(z).sum(-1)\n");
    Samples samples;
    samples.inputs.items.emplace_back("x", toArray(at::ones({3, 4})));
    try {
        session->setSamples(samples);
        QFAIL("it ran");
    } catch (const Error& error) {
        QCOMPARE(QString::fromStdString(error.where), QString("(model)"));
        QVERIFY2(QString::fromStdString(error.problem).contains(named), error.problem.c_str());
    }
}

void TestFunctionalize::numbersReadAreNoted_data() {
    QTest::addColumn<QString>("body");
    QTest::addColumn<QString>("reads"); // empty: nothing is noted
    QTest::newRow("a number") << "    h = x * 1.0\n    s = float(h.max())\n    return h / s\n"
                              << "aten::Float";
    QTest::newRow("a branch") << "    h = x * 2\n    if bool(h.sum() > 0):\n        h = h + 1\n    return h\n"
                              << "aten::Bool";
    QTest::newRow("a shape") << "    h = x * 2\n    return h[h > 0].sum()\n"
                             << "aten::index";
    QTest::newRow("a number of a constant") << "    n = int(self.w.sum())\n    return x * n\n"
                                            << "";
    QTest::newRow("a size") << "    return x * x.size(0)\n"
                            << "";
}

/// Numbers that a model reads from values which formats change are those of the float run: the user is told.
void TestFunctionalize::numbersReadAreNoted() {
    QFETCH(QString, body);
    QFETCH(QString, reads);
    auto session = open("def forward(self, x):\n" + body.toStdString());
    Samples samples;
    samples.inputs.items.emplace_back("x", toArray(at::ones({3, 4})));
    QVERIFY(session->setSamples(samples));
    const RunSnapshot result = session->run(session->floatFormats());
    QCOMPARE(result->notes.size(), std::size_t(reads.isEmpty() ? 0 : 1));
    if (!reads.isEmpty())
        QVERIFY2(QString::fromStdString(result->notes[0]).contains(reads), result->notes[0].c_str());
}

void TestFunctionalize::trainingIsNoted_data() {
    QTest::addColumn<bool>("training");
    QTest::newRow("saved in training mode") << true;
    QTest::newRow("saved in evaluation mode") << false;
}

void TestFunctionalize::trainingIsNoted() {
    QFETCH(bool, training);
    torch::jit::Module drop("__torch__.torch.nn.modules.dropout.Dropout");
    drop.register_attribute("training", c10::BoolType::get(), training);
    drop.define("def forward(self, x):\n    return torch.dropout(x, 0.5, self.training)\n");
    auto session = open("def forward(self, x):\n    return self.drop.forward(x) * 1\n",
                        [&](torch::jit::Module& module) { module.register_module("drop", drop); });
    Samples samples;
    samples.inputs.items.emplace_back("x", toArray(at::ones({3, 4})));
    QVERIFY(session->setSamples(samples));
    const RunSnapshot result = session->run(session->floatFormats());
    QCOMPARE(result->notes.size(), std::size_t(training ? 1 : 0));
    QVERIFY(!training || result->notes[0].starts_with("drop: "));
    QVERIFY(at::equal(toTensor(session->outputs(true).items.at(0).second), at::ones({3, 4})));
}

/// A table that the model computes from no input has the same bits on every CPU: each operator's result is the exact
/// one, rounded once.
void TestFunctionalize::constantsAreRoundedOnce() {
    constexpr int kCount = 64;
    auto session =
        open("def forward(self, x):\n    a = torch.exp(torch.arange(64).to(6) * -0.07)\n    b = a * 3.0\n    "
             "b.sin_()\n    return x + a, x + b, x + torch.linspace(0.0, 1.0, 64)\n");
    Samples samples;
    samples.inputs.items.emplace_back("x", toArray(at::zeros({2, kCount})));
    QVERIFY(session->setSamples(samples));
    session->run(session->floatFormats());
    const NamedArrays outputs = session->outputs(true);
    for (int i = 0; i < kCount; ++i) {
        const float a = static_cast<float>(std::exp(static_cast<double>(static_cast<float>(i) * -0.07F)));
        const float b = static_cast<float>(std::sin(static_cast<double>(a * 3.0F)));
        const float expected[] = {a, b, static_cast<float>(i / 63.0)};
        for (std::size_t k = 0; k < 3; ++k)
            QCOMPARE(toTensor(outputs.items.at(k).second)[1][i].item<float>(), expected[k]);
    }
}

void TestFunctionalize::openingIsStopped_data() {
    QTest::addColumn<int>("at");
    for (const int at : {0, 1, 2, 5})
        QTest::addRow("asked %d times before", at) << at;
}

/// While LibTorch reads the file, too.
void TestFunctionalize::openingIsStopped() {
    QFETCH(int, at);
    const std::string file = test::modelFolder() + "/digits_cnn/traced.pt";
    int asked = 0;
    const auto stop = [&] { return asked++ >= at; };
    QVERIFY_THROWS_EXCEPTION(Stopped, openModel(file, {}, stop));
    QVERIFY_THROWS_EXCEPTION(Stopped, sha256OfFile(file, [] { return true; }));
    QVERIFY(openModel(file)); // what was stopped harms no later one
}

std::unique_ptr<Session> TestFunctionalize::open(const std::string& code,
                                                 const std::function<void(torch::jit::Module&)>& fill) {
    m_module = torch::jit::Module("__torch__.M");
    m_module.register_parameter("w", at::ones({4}) * 2, false);
    m_module.register_buffer("state", at::zeros({4}));
    if (fill)
        fill(m_module);
    m_module.define(code);
    const std::string file = m_folder.filePath("m.pt").toStdString();
    m_module.save(file);
    return openModel(file);
}

void TestFunctionalize::equalsTheInterpreter_data() {
    QTest::addColumn<QString>("code");
    const auto row = [](const char* name, const char* body) {
        QTest::newRow(name) << QStringLiteral("def forward(self, x):\n") + body;
    };
    row("in place", "    y = x * 2\n    z = y + 1\n    y.relu_()\n    return y + z\n");
    row("in place keeps what was read before",
        "    y = x * 2\n    z = y * 1\n    y.add_(z)\n    y.mul_(self.w)\n    return y - z\n");
    row("write through a view", "    y = x * 1\n    v = y[:, 1:3]\n    v.add_(10)\n    return y + self.w\n");
    row("a view sees the base written", "    y = x * 1\n    v = y[:, 0]\n    y.mul_(3)\n    return v * 2\n");
    row("copy into a slice", "    y = torch.zeros_like(x)\n    y[:, 1] = x[:, 2] * 2\n    return y + x\n");
    row("the input written to", "    x.relu_()\n    return x * 3\n");
    row("branch on shape", "    if x.size(0) > 2:\n        y = x * 2\n    else:\n        y = x * 3\n    return y\n");
    row("branch on values", "    y = x\n    if bool(x.sum() > 0):\n        y = x * 2\n    return y * 1\n");
    row("loop", "    y = x\n    for i in range(3):\n        y = y * self.w + i\n    return y\n");
    row("while", "    y = x\n    n = 0\n    while n < 2:\n        y = y + x\n        n += 1\n    return y\n");
    row("lists and tuples", "    parts = [x, x * 2]\n    parts.append(x * 3)\n    a, b = parts[0], parts[2]\n    t = "
                            "(a, b)\n    return torch.cat([t[0], t[1]], 1)\n");
    row("dictionaries", "    d = {'a': x, 'b': x * 2}\n    return d['b'] - d['a'] * self.w\n");
    row("state in attributes", "    self.state = self.state + x.sum(0)\n    return x + self.state\n");
    row("state in place", "    self.state.add_(x.sum(0))\n    return x * self.state\n");
    row("chunks", "    a, b = x.chunk(2, 1)\n    return a * b\n");
    row("two outputs", "    return x * 2, x + self.w\n");
    row("part of a table, expanded", "    t = torch.arange(8).to(6)\n    return x + t[:4].expand_as(x) * 1 + t[4:]\n");
    row("a constant beside its own view",
        "    t = torch.arange(8).to(6)\n    a = t[:4].view_as(self.w)\n    return x * a + t[4:] - t[2:6]\n");
    row("accumulated at an index", "    y = x * 1\n    y[torch.tensor([0, 1, 0])] += 2\n    return y * self.w\n");
    row("a sum in float64", "    return x.sum(0, dtype=7).to(6) + x.softmax(1, dtype=6) * self.w\n");
    row("a conjugate", "    z = torch.complex(x, x * 2)\n    return torch.view_as_real(z * z.conj() + z).sum(-1)\n");
    row("a list of the file", "    parts = [self.w * 1, self.state]\n    parts.append(x.sum(0))\n    return x + "
                              "parts[2] * parts[0]\n");
    row("transposed in place", "    y = x * 1\n    y.t_()\n    y[0].add_(3)\n    y.t_()\n    return y + x\n");
    row("identity operators", "    y = x.contiguous().to(6)\n    return y.flatten(1) * 2\n");
}

void TestFunctionalize::equalsTheInterpreter() {
    QFETCH(QString, code);
    auto session = open(code.toStdString());
    at::manual_seed(1);
    const at::Tensor x = at::randn({5, 4});
    for (int again = 0; again < 2; ++again) { // each run starts from the file's state
        Samples samples;
        samples.inputs.items.emplace_back("x", toArray(x));
        QVERIFY(session->setSamples(samples));
        const at::IValue expected = m_module.deepcopy().forward({x.clone()});
        std::vector<at::Tensor> tensors;
        if (expected.isTuple())
            for (const at::IValue& element : expected.toTupleRef().elements())
                tensors.push_back(element.toTensor());
        else
            tensors.push_back(expected.toTensor());
        session->run(session->floatFormats());
        for (const bool fromFloat : {true, false}) {
            const NamedArrays outputs = session->outputs(fromFloat);
            QCOMPARE(outputs.items.size(), tensors.size());
            for (std::size_t i = 0; i < tensors.size(); ++i)
                QVERIFY(at::allclose(toTensor(outputs.items[i].second), tensors[i], 1e-6, 1e-6));
        }
    }
    QVERIFY(session->slots().size() >= 2);
}

void TestFunctionalize::missingOperatorIsNamed() {
    // A file as a newer LibTorch would write it: one operator renamed to one that there is not.
    open("def forward(self, x):\n    return torch.relu(x) * 2\n");
    const std::string file = m_folder.filePath("m.pt").toStdString();
    renameInArchive(file, "torch.relu", "torch.frobnicate");
    auto session = openModel(file); // the tree opens
    QCOMPARE(session->modules().size(), std::size_t{1});
    Samples samples;
    samples.inputs.items.emplace_back("x", toArray(at::randn({3, 4})));
    try {
        session->setSamples(samples);
        QFAIL("ran");
    } catch (const Error& error) {
        QVERIFY2(QString(error.what()).contains("aten::frobnicate"), error.what());
        QVERIFY(!error.hint.empty());
    }
}

void TestFunctionalize::operatorsAreNamedInOrder() {
    auto session = open("def forward(self, x):\n    return (x + 1) * self.w + x\n");
    Samples samples;
    samples.inputs.items.emplace_back("x", toArray(at::randn({3, 4})));
    session->setSamples(samples);
    QStringList paths;
    for (const SlotInfo& slot : session->slots())
        paths << QString::fromStdString(slot.path);
    QCOMPARE(paths, (QStringList{"add.input", "add.activation", "mul.input", "mul.w", "mul.activation", "add_1.input_0",
                                 "add_1.input_1", "add_1.activation"}));
}

QTEST_GUILESS_MAIN(TestFunctionalize)
#include "tst_functionalize.moc"
