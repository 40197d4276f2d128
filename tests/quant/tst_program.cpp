#include "quant/core/error.h"
#include "quant/ops/builder.h"
#include "quant/ops/registry.h"
#include "quant/record/alias_sets.h"
#include "quant/record/operator_paths.h"

#include <ATen/ATen.h>

#include <QTest>

using namespace fxp;
using namespace fxp::quant;

/// Programs as data: what is recorded, how it reads as text, and what is left out.
class TestProgram : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void text();
    void equalProgramsHaveEqualTexts();
    void arguments_data();
    void arguments();
    void whatNobodyNeedsIsLeftOut();
    void erasedValuesAreNotRead();
    void memoryIsFollowedByStorage_data();
    void memoryIsFollowedByStorage();
    void constantsKeepWhatTheyWere();
    void onePathOneOperator();
    void oneSlotOneLayer();
    void unknownOperator();
};

namespace {

SlotInfo slot(const std::string& layer, const std::string& name) {
    SlotInfo info;
    info.path = joinPath(layer, name);
    info.layerPath = layer;
    info.layerType = "test";
    info.name = name;
    return info;
}

/// x → input slot → + 1.5 along two lists → activation slot.
Builder::Finished small() {
    Builder run;
    const Value x = run.input(at::ones({2, 3}));
    run.setLayer("block");
    run.setSource("net.py:7");
    const Value q = run.quantize(slot("block", "input"), x);
    const Value w = run.constant(at::full({3}, 1.5));
    const Value sum = run.call("aten::add.Tensor", {q, {"other", w}, {"alpha", 2}});
    run.call("aten::neg", {sum}); // nobody reads it
    const Value both = run.call("aten::cat", {Operand::List{sum, sum}, {"dim", -1}});
    return run.finish({run.quantize(slot("block", "activation"), both)});
}

Tensors runProgram(const Program& program, const Tensors& inputs) {
    Tensors values(static_cast<std::size_t>(program.valueCount));
    for (std::size_t i = 0; i < inputs.size(); ++i)
        values[static_cast<std::size_t>(program.inputs[i])] = inputs[i];
    for (const auto& [id, tensor] : program.constants)
        values[static_cast<std::size_t>(id)] = tensor;
    for (const Step& step : program.steps) {
        Tensors in;
        for (const ValueId input : step.inputs)
            in.push_back(input == kAbsent ? at::Tensor() : values[static_cast<std::size_t>(input)]);
        const Tensors out = evaluate(step, in, nullptr);
        for (std::size_t i = 0; i < out.size(); ++i)
            values[static_cast<std::size_t>(step.outputs[i])] = out[i];
    }
    Tensors outputs;
    for (const ValueId output : program.outputs)
        outputs.push_back(values[static_cast<std::size_t>(output)]);
    return outputs;
}

} // namespace

void TestProgram::text() {
    const Builder::Finished finished = small();
    const QString expected = "input %0\n"
                             "constant %1 Float [3]\n"
                             "%2 = quantize(%0) slot block.input (%0 to %2) in block at net.py:7\n"
                             "%3 = aten::add.Tensor(%2, other=%1, alpha=2) in block at net.py:7\n"
                             "%4 = aten::cat([%3, %3], dim=-1) in block at net.py:7\n"
                             "%5 = quantize(%4) slot block.activation (%4 to %5) in block at net.py:7\n"
                             "output %5\n";
    QCOMPARE(QString::fromStdString(programText(finished.program)), expected);
    QVERIFY(at::equal(finished.values.back(), at::full({2, 6}, 4.0)));
}

void TestProgram::equalProgramsHaveEqualTexts() {
    const Builder::Finished a = small(), b = small();
    QVERIFY(a.program.steps == b.program.steps);
    QCOMPARE(programText(a.program), programText(b.program));
}

void TestProgram::arguments_data() {
    QTest::addColumn<QString>("written");
    QTest::addColumn<int>("which");
    QTest::newRow("none") << "none" << 0;
    QTest::newRow("true") << "true" << 1;
    QTest::newRow("integer") << "-3" << 2;
    QTest::newRow("whole real") << "2.0" << 3;
    QTest::newRow("real") << "0.1" << 4;
    QTest::newRow("text with escapes") << R"("a\"b\x1b")" << 5;
    QTest::newRow("nested lists") << "[[1, 2], []]" << 6;
}

void TestProgram::arguments() {
    QFETCH(QString, written);
    QFETCH(int, which);
    const std::vector<Argument> all{
        {}, true, -3, 2.0, 0.1, std::string("a\"b\x1b"), Argument::List{Argument::List{1, 2}, Argument::List{}}};
    Program program;
    Step step;
    step.op = "op";
    step.arguments = {{"", all[static_cast<std::size_t>(which)]}};
    program.steps = {step};
    QCOMPARE(QString::fromStdString(programText(program)), " = op(" + written + ")\noutput \n");
}

void TestProgram::whatNobodyNeedsIsLeftOut() {
    const Program program = small().program;
    QCOMPARE(program.steps.size(), std::size_t{4});
    for (const Step& step : program.steps)
        QVERIFY(step.op != "aten::neg");
    QCOMPARE(program.valueCount, ValueId{6});
}

void TestProgram::erasedValuesAreNotRead() {
    Builder run;
    const Value x = run.input(at::ones({2}));
    const auto begin = run.mark();
    const Value y = run.call("aten::neg", {x});
    run.erase(begin, run.mark());
    QVERIFY_THROWS_EXCEPTION(Error, run.tensor(y));
    QVERIFY_THROWS_EXCEPTION(Error, run.call("aten::neg", {y}));
}

void TestProgram::memoryIsFollowedByStorage_data() {
    QTest::addColumn<int>("idiom");
    QTest::newRow("write to a slice, read the whole") << 0;
    QTest::newRow("write to the whole, read a slice taken before") << 1;
    QTest::newRow("write through a transposed view") << 2;
    QTest::newRow("overlapping slices") << 3;
    QTest::newRow("a constant that is filled") << 4;
    QTest::newRow("a twin is the same memory") << 5;
}

/// Each idiom runs on x with LibTorch itself; the recorded program must give the same on another x.
void TestProgram::memoryIsFollowedByStorage() {
    QFETCH(int, idiom);
    at::manual_seed(7);
    const auto write = [](Builder& run, AliasSets& sets, const at::Tensor& target, Value value) {
        sets.prepareWrite(target);
        at::Tensor(target).copy_(run.tensor(value));
        sets.write(target, value);
    };
    const auto recorded = [&](const at::Tensor& x, bool program, Program* kept) {
        Builder run;
        AliasSets sets(run);
        const Value input = run.input(x);
        at::Tensor own = x.clone();
        sets.bind(own, input);
        at::Tensor result = own;
        const Value twice = run.call("aten::mul.Tensor", {input, input});
        if (idiom == 0) {
            write(run, sets, own.slice(1, 1, 3), run.call("aten::slice.Tensor", {twice, 1, 0, 2, 1}));
        } else if (idiom == 1) {
            result = own.slice(0, 1, 3);
            sets.bind(result, run.call("aten::slice.Tensor", {input, 0, 1, 3, 1}));
            write(run, sets, own, twice);
        } else if (idiom == 2) {
            write(run, sets, own.t().select(0, 1), run.call("aten::select.int", {twice, 1, 0}));
        } else if (idiom == 3) {
            write(run, sets, own.slice(1, 0, 3), run.call("aten::slice.Tensor", {twice, 1, 1, 4, 1}));
            write(run, sets, own.slice(1, 2, 4), run.call("aten::neg", {sets.read(own.slice(1, 0, 2))}));
        } else if (idiom == 4) {
            result = at::full({4, 4}, 3.0f);
            write(run, sets, result.slice(1, 2, 4), run.call("aten::slice.Tensor", {twice, 1, 0, 2, 1}));
        } else {
            result = sets.bindTwin(own, run.call("aten::neg", {input}));
            write(run, sets, own.select(0, 2), run.call("aten::select.int", {twice, 0, 1}));
        }
        Builder::Finished finished = run.finish({sets.read(result)});
        if (kept)
            *kept = std::move(finished.program);
        return program ? at::Tensor() : result.clone();
    };
    const at::Tensor x = at::randn({4, 4}), other = at::randn({4, 4});
    Program program;
    recorded(x, true, &program);
    at::Tensor expected = recorded(other, false, nullptr);
    if (idiom == 5) { // the twin's memory holds x, and its value is −x where nothing was written
        expected = -other;
        expected.select(0, 2).copy_(other.select(0, 1).square());
        QVERIFY(at::equal(runProgram(program, {other})[0].select(0, 2), expected.select(0, 2)));
        return;
    }
    QVERIFY(at::equal(runProgram(program, {other})[0], expected));
}

void TestProgram::constantsKeepWhatTheyWere() {
    Builder run;
    AliasSets sets(run);
    const Value x = run.input(at::ones({3}));
    at::Tensor constant = at::ones({3});
    const Value sum = run.call("aten::add.Tensor", {x, sets.read(constant)});
    sets.prepareWrite(constant);
    constant.fill_(5);
    const Value second = run.call("aten::add.Tensor", {sum, sets.read(constant)});
    const Program program = run.finish({second}).program;
    QVERIFY(at::equal(runProgram(program, {at::zeros({3})})[0], at::full({3}, 6.0f)));
}

void TestProgram::onePathOneOperator() {
    OperatorPaths paths;
    paths.setModules({"", "linear", "block"});
    OperatorScope root, again, method;
    method.method = "helper";
    QCOMPARE(paths.next("linear", root), std::string("linear_1")); // a module has that path
    QCOMPARE(paths.next("add", root), std::string("add"));
    QCOMPARE(paths.next("add", root), std::string("add_1"));
    QCOMPARE(paths.next("add", method), std::string("add_2")); // another method's operator is another
    QCOMPARE(paths.next("linear", again), std::string("linear_1"));
    QCOMPARE(paths.next("add", again), std::string("add")); // the module called again
    OperatorScope leaf{"block", {}, true, false, {}};
    QCOMPARE(paths.next("relu", leaf), std::string("block"));
    QCOMPARE(paths.next("relu", leaf), std::string("block.relu_1"));
}

void TestProgram::oneSlotOneLayer() {
    Builder run;
    const Value x = run.input(at::ones({3}));
    run.quantize(slot("block", "input"), x);
    SlotInfo other = slot("block", "input");
    other.layerType = "another";
    const auto begin = run.mark();
    const Value second = run.quantize(other, x);
    QVERIFY_THROWS_EXCEPTION(Error, run.finish({second}));
    run.erase(begin, run.mark()); // a hypothesis that failed leaves no slot behind
    QCOMPARE(run.finish({x}).program.slots.size(), std::size_t{1});
}

void TestProgram::unknownOperator() {
    Builder run;
    const Value x = run.input(at::ones({3}));
    QVERIFY_THROWS_EXCEPTION(Error, run.call("aten::no_such_operator", {x}));
    QVERIFY_THROWS_EXCEPTION(Error, run.call("no_such_operator", {x}));
}

QTEST_GUILESS_MAIN(TestProgram)
#include "tst_program.moc"
