#include "quant/core/error.h"
#include "quant/engine/session.h"
#include "quant/import/step_budget.h"
#include "quant/import/torchscript.h"
#include "quant/open_model.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/frontend/resolver.h>
#include <torch/csrc/jit/ir/ir.h>

#include <QDir>
#include <QFile>
#include <QRegularExpression>
#include <QTemporaryDir>
#include <QTest>

#include <fcntl.h>
#include <unistd.h>

using namespace fxp;
using namespace fxp::quant;

namespace jit = torch::jit;

/// Models that would do more than compute, and models that do not end.
class TestHostileModels : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void effects_data();
    void effects();
    void otherNamespaces();
    void ownMethodOfAClass();
    void codeThatRunsWhileLoading_data();
    void codeThatRunsWhileLoading();
    void printsNothing();
    void endlessLoops_data();
    void endlessLoops();
    void blamedLoop_data();
    void blamedLoop();
    void endlessLoopsCanBeStopped();
    void longLoopsEnd();

  private:
    /// A network with the submodule `inner.layer`, whose `forward` has these lines before its last one.
    QString network(const QString& lines, const QString& method = "forward") const;
    static Samples oneSample() { return {{{{"x", Array::ofFloats({1, 2}, {1, 2})}}}, {}}; }
    static QString refusal(const QString& file);
    static QString refusal(const QString& file, StepBudget::Limits limits);

    QTemporaryDir m_folder;
};

QString TestHostileModels::network(const QString& lines, const QString& method) const {
    jit::Module root("Net"), inner("Inner"), layer("Layer");
    QString source = "def " + method + "(self, x):\n";
    for (const QString& line : lines.split('\n'))
        source += "    " + line + "\n";
    source += "    return x\n";
    if (method != "forward")
        source += "def forward(self, x):\n    return x * 2\n";
    layer.define(source.toStdString());
    inner.register_module("layer", layer);
    inner.define("def forward(self, x):\n    return self.layer.forward(x)\n");
    root.register_module("inner", inner);
    root.define("def forward(self, x):\n    return self.inner.forward(x) + 1\n");
    const QString file = m_folder.filePath("model.pt");
    root.save(file.toStdString());
    return file;
}

/// What opening and recording the file says; empty where it works.
QString TestHostileModels::refusal(const QString& file) {
    try {
        openModel(file.toStdString())->setSamples(oneSample());
        return {};
    } catch (const Error& error) {
        return error.what();
    }
}

/// The same, of a recording with limits of its own.
QString TestHostileModels::refusal(const QString& file, StepBudget::Limits limits) {
    try {
        openTorchScript(file.toStdString(), {}, {}, LoadedCode::Refused, limits)
            ->record({at::IValue(at::ones({1, 2}))});
        return {};
    } catch (const Error& error) {
        return error.what();
    }
}

void TestHostileModels::effects_data() {
    QTest::addColumn<QString>("lines");
    QTest::addColumn<QString>("method");
    QTest::addColumn<QString>("op");
    QTest::newRow("a file that is written") << "torch.save(x, 'VICTIM')"
                                            << "forward"
                                            << "aten::save";
    QTest::newRow("a file that is mapped") << "x = x + torch.from_file('VICTIM', True, 2)"
                                           << "forward"
                                           << "aten::from_file";
    QTest::newRow("in a branch that is not taken") << "if bool(x.sum() > 1000):\n    torch.save(x, 'VICTIM')"
                                                   << "forward"
                                                   << "aten::save";
    QTest::newRow("in a loop within a loop")
        << "for i in range(2):\n    while bool(x.sum() < 0):\n        torch.save(x, 'VICTIM')"
        << "forward"
        << "aten::save";
    QTest::newRow("in a method that is not called") << "torch.save(x, 'VICTIM')"
                                                    << "export"
                                                    << "aten::save";
    QTest::newRow("the seed of the process") << "torch.manual_seed(7)"
                                             << "forward"
                                             << "aten::manual_seed";
    QTest::newRow("another device") << "x = x.cuda()"
                                    << "forward"
                                    << "aten::cuda";
    QTest::newRow("a kernel that trusts its arguments") << "x = torch.threshold_backward(x, x, 0)"
                                                        << "forward"
                                                        << "aten::threshold_backward";
}

void TestHostileModels::effects() {
    QFETCH(QString, lines);
    QFETCH(QString, method);
    QFETCH(QString, op);
    const QString victim = m_folder.filePath("victim");
    QFile::remove(victim);
    const QString says = refusal(network(lines.replace("VICTIM", victim), method));
    QVERIFY2(says.contains(op + " ("), qPrintable(says)); // and the line
    QVERIFY2(says.contains("inner.layer"), qPrintable(says));
    QVERIFY2(says.startsWith(m_folder.filePath("model.pt")) && !says.contains('\n'), qPrintable(says));
    QVERIFY(!QFile::exists(victim));
    // What does nothing can be looked at.
    QCOMPARE(openModel(m_folder.filePath("model.pt").toStdString())->modules().size(), std::size_t{3});
}

void TestHostileModels::otherNamespaces() {
    const QString file = m_folder.filePath("foreign.pt");
    jit::Module root("Net");
    auto graph = std::make_shared<jit::Graph>();
    graph->addInput("self")->setType(root._ivalue()->type());
    jit::Value* x = graph->addInput("x");
    graph->registerOutput(graph->insert(c10::Symbol::fromQualString("_test::leaky_relu"), {x}));
    const auto unit = root._ivalue()->compilation_unit();
    root.type()->addMethod(unit->create_function(c10::QualifiedName(*root.type()->name(), "forward"), graph));
    root.save(file.toStdString());
    QVERIFY2(refusal(file).contains("the model calls _test::leaky_relu"), qPrintable(refusal(file)));
}

/// A function of the file, which a method calls, is looked at too, wherever it stands.
void TestHostileModels::ownMethodOfAClass() {
    const QString file = m_folder.filePath("function.pt"), victim = m_folder.filePath("victim");
    jit::Module root("Net");
    const auto unit = root._ivalue()->compilation_unit();
    const std::string source = "def keep(x):\n    torch.save(x, '" + victim.toStdString() + "')\n    return x\n";
    unit->define(c10::QualifiedName("__torch__"), source, jit::nativeResolver(), nullptr);
    auto graph = std::make_shared<jit::Graph>();
    graph->addInput("self")->setType(root._ivalue()->type());
    jit::Value* x = graph->addInput("x");
    jit::Function* keep = unit->find_function(c10::QualifiedName("__torch__.keep"));
    QVERIFY(keep);
    jit::Node* name = graph->insertNode(graph->create(c10::prim::Constant));
    name->s_(c10::attr::name, "keep");
    name->output()->setType(c10::FunctionType::create(keep));
    jit::Node* call = graph->insertNode(graph->create(c10::prim::CallFunction, {name->output(), x}));
    graph->registerOutput(call->output());
    root.type()->addMethod(unit->create_function(c10::QualifiedName(*root.type()->name(), "forward"), graph));
    root.save(file.toStdString());
    QVERIFY2(refusal(file).contains("aten::save ("), qPrintable(refusal(file)));
    QVERIFY(!QFile::exists(victim));
}

void TestHostileModels::codeThatRunsWhileLoading_data() {
    QTest::addColumn<QString>("state");
    QTest::newRow("it writes a file") << "torch.save(torch.ones([2]), 'VICTIM')";
    QTest::newRow("it only computes") << "self.kept = bool(torch.ones([2]).sum() > 0)";
}

/// Nothing checks the file before LibTorch's loader does: what that runs is refused before it runs.
void TestHostileModels::codeThatRunsWhileLoading() {
    QFETCH(QString, state);
    const QString file = m_folder.filePath("state.pt"), victim = m_folder.filePath("victim");
    jit::Module module("Net");
    module.register_attribute("kept", c10::BoolType::get(), true);
    module.define("def forward(self, x):\n    return x\n"
                  "def __getstate__(self):\n    return (1, self.kept)\n"
                  "def __setstate__(self, state: Tuple[int, bool]):\n    self.kept = state[1]\n    " +
                  state.replace("VICTIM", victim).toStdString() + "\n");
    module.save(file.toStdString());
    QFile::remove(victim);
    const QString says = refusal(file);
    QVERIFY2(says.startsWith(file + ": has code that runs while it is loaded (__setstate__)"), qPrintable(says));
    QVERIFY(!QFile::exists(victim));
}

void TestHostileModels::printsNothing() {
    const QString file = network("print('\\033[2Jprinted', x)\nx = x + 1"), told = m_folder.filePath("terminal");
    std::fflush(stdout);
    const int terminal = ::dup(STDOUT_FILENO), errors = ::dup(STDERR_FILENO);
    const int kept = ::open(told.toUtf8().constData(), O_CREAT | O_RDWR | O_TRUNC, 0600);
    ::dup2(kept, STDOUT_FILENO);
    ::dup2(kept, STDERR_FILENO);
    const QString says = refusal(file);
    std::fflush(stdout);
    ::dup2(terminal, STDOUT_FILENO);
    ::dup2(errors, STDERR_FILENO);
    ::close(terminal);
    ::close(errors);
    ::close(kept);
    QCOMPARE(says, QString());
    QCOMPARE(QFileInfo(told).size(), qint64{0});
}

void TestHostileModels::endlessLoops_data() {
    QTest::addColumn<QString>("lines");
    QTest::addColumn<QString>("limit");
    QTest::newRow("of numbers") << "n = 0\nwhile True:\n    n += 1"
                                << "more than 2000 steps";
    QTest::newRow("of a tensor") << "while bool((x * x).sum() >= 0):\n    x = x + 1"
                                 << "more than 500 operators";
}

void TestHostileModels::endlessLoops() {
    QFETCH(QString, lines);
    QFETCH(QString, limit);
    const QString file = network(lines), says = refusal(file, {2000, 500, 0});
    const QRegularExpressionMatch place =
        QRegularExpression("^inner\\.layer: the loop at <string>:(\\d+) does not end: ").match(says);
    QVERIFY2(place.hasMatch() && says.contains(limit), qPrintable(says));
    // A line of the model's own code, below the one that declares the function.
    QVERIFY2(lines.split('\n').value(place.captured(1).toInt() - 2).contains("while "), qPrintable(says));
}

void TestHostileModels::blamedLoop_data() {
    QTest::addColumn<QList<int>>("steps"); // of the outer loop before each inner one, of the inner one
    QTest::addColumn<QString>("blamed");
    QTest::newRow("inner loops that end") << QList<int>{1, 30} << "outer";
    QTest::newRow("an inner loop that does not") << QList<int>{1, 1000} << "inner";
    QTest::newRow("an inner loop after many steps") << QList<int>{40, 1000} << "inner";
}

void TestHostileModels::blamedLoop() {
    QFETCH(QList<int>, steps);
    QFETCH(QString, blamed);
    StepBudget budget({}, {100, 100, 1 << 20});
    for (int i = 0; i < 1000; ++i)
        budget.step(""); // no loop: the file has them all
    try {
        const StepBudget::Loop outer(budget, "outer");
        for (;;) {
            for (int i = 0; i < steps[0]; ++i)
                budget.step("module");
            const StepBudget::Loop inner(budget, "inner");
            for (int i = 0; i < steps[1]; ++i)
                budget.step("module");
        }
    } catch (const Error& error) {
        QCOMPARE(error.where, std::string("module"));
        QVERIFY2(QString::fromStdString(error.problem).startsWith("the loop " + blamed + " "), error.what());
    }
}

void TestHostileModels::endlessLoopsCanBeStopped() {
    auto session = openModel(network("n = 0\nwhile True:\n    n += 1").toStdString());
    int asked = 0;
    RunControl control;
    control.stop = [&asked] { return ++asked > 1000; };
    QVERIFY(!session->setSamples(oneSample(), control));
}

/// Loops that models have are far from the limits.
void TestHostileModels::longLoopsEnd() {
    QCOMPARE(refusal(network("n = 0\nfor i in range(100000):\n    n += i\nx = x + n")), QString());
}

QTEST_GUILESS_MAIN(TestHostileModels)
#include "tst_hostile_models.moc"
