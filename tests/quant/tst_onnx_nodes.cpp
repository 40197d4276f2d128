#include "quant/core/error.h"
#include "quant/engine/session.h"
#include "quant/engine/session_data.h"
#include "quant/import/onnx/element_types.h"
#include "quant/import/onnx/proto.h"
#include "quant/import/onnx/tensor_reader.h"
#include "quant/open_model.h"

#include <ATen/ATen.h>

#include <QDir>
#include <QTest>

#include <fstream>
#include <set>

using namespace fxp;
using namespace fxp::quant;

/// The node tests that ONNX itself has for implementations, as Debian packs them (libonnx-testdata).
class TestOnnxNodes : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void computes_data();
    void computes();
};

namespace {

const QString kFolder = "/usr/share/libonnx-testdata/data/node/";

template <class Message> Message parsed(const QString& file) {
    std::ifstream stream(file.toStdString(), std::ios::binary);
    Message message;
    message.ParseFromIstream(&stream);
    return message;
}

/// What no network that is run has: docs/ONNX.md says why each stays out.
bool isLeftOut(const QString& name, const onnx::ModelProto& model) {
    static const std::set<std::string> kRandom{"Bernoulli",        "RandomUniform",    "RandomUniformLike",
                                               "RandomNormal",     "RandomNormalLike", "Multinomial",
                                               "StringNormalizer", "TfIdfVectorizer"};
    for (const auto& node : model.graph().node()) {
        if (kRandom.contains(node.op_type()) || node.domain() == "ai.onnx.preview.training")
            return true;
    }
    for (const auto* values : {&model.graph().input(), &model.graph().output()}) {
        for (const auto& value : *values) {
            if (!value.type().has_tensor_type() || value.type().tensor_type().elem_type() == onnx::TensorProto::STRING)
                return true;
        }
    }
    return model.graph().node().empty() || name.contains("BFLOAT16") ||
           (name.startsWith("test_training_dropout") && !name.contains("zero_ratio")) ||
           name == "test_resize_downsample_scales_linear_align_corners" ||
           name == "test_resize_downsample_scales_cubic_align_corners";
}

at::Tensor dataOf(const QString& name, const char* kind, int number) {
    const auto proto =
        parsed<onnx::TensorProto>(kFolder + name + QString("/test_data_set_0/%1_%2.pb").arg(kind).arg(number));
    return onnx_import::readTensor(proto, {});
}

} // namespace

void TestOnnxNodes::computes_data() {
    QTest::addColumn<QString>("name");
    for (const QString& name : QDir(kFolder).entryList(QDir::Dirs | QDir::NoDotAndDotDot)) {
        if (!isLeftOut(name, parsed<onnx::ModelProto>(kFolder + name + "/model.onnx")))
            QTest::newRow(qPrintable(name)) << name;
    }
}

void TestOnnxNodes::computes() {
    if (!QDir(kFolder).exists())
        QSKIP("libonnx-testdata is not installed");
    QFETCH(QString, name);
    const auto model = parsed<onnx::ModelProto>(kFolder + name + "/model.onnx");
    std::set<std::string> given;
    for (const auto& tensor : model.graph().initializer())
        given.insert(tensor.name());
    NamedArrays inputs;
    for (int i = 0, number = 0; i < model.graph().input_size(); ++i) {
        const std::string& input = model.graph().input(i).name();
        if (!given.contains(input))
            inputs.items.emplace_back(input, toArray(dataOf(name, "input", number++)));
    }
    auto session = openModel((kFolder + name + "/model.onnx").toStdString());
    QVERIFY(session->setSamples({inputs, {}}));
    const NamedArrays outputs = session->outputs(true);
    for (int i = 0; i < model.graph().output_size(); ++i) {
        const Array* own = outputs.find("output_" + std::to_string(i));
        QVERIFY(own);
        const at::Tensor got = toTensor(*own), wanted = dataOf(name, "output", i);
        QCOMPARE(got.sizes().vec(), wanted.sizes().vec());
        const bool isWhole = !wanted.is_floating_point();
        QVERIFY(
            at::allclose(got.to(at::kDouble), wanted.to(at::kDouble), isWhole ? 0 : 1e-3, isWhole ? 0 : 1e-5, true));
    }
}

QTEST_GUILESS_MAIN(TestOnnxNodes)
#include "tst_onnx_nodes.moc"
