#include "quant/import/onnx/model_file.h"

#include "quant/core/error.h"
#include "quant/import/onnx/proto.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <google/protobuf/stubs/logging.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <limits>

namespace fxp::quant::onnx_import {

namespace {

/// protobuf writes what it dislikes to the terminal, which is not its place.
class Silence {
  public:
    Silence() : m_before(google::protobuf::SetLogHandler(nullptr)) {}
    ~Silence() { google::protobuf::SetLogHandler(m_before); }
    Silence(const Silence&) = delete;
    Silence& operator=(const Silence&) = delete;

  private:
    google::protobuf::LogHandler* m_before;
};

int depthOf(const ::onnx::GraphProto& graph) {
    int deepest = 0;
    for (const auto& node : graph.node()) {
        for (const auto& attribute : node.attribute()) {
            if (attribute.has_g())
                deepest = std::max(deepest, depthOf(attribute.g()));
            for (const auto& one : attribute.graphs())
                deepest = std::max(deepest, depthOf(one));
        }
    }
    return deepest + 1;
}

} // namespace

std::unique_ptr<::onnx::ModelProto> readModel(const std::string& file) {
    constexpr std::uintmax_t kMaxBytes = std::numeric_limits<int>::max();
    std::error_code error;
    if (std::filesystem::file_size(file, error) >= kMaxBytes || error)
        throw Error(file, "is larger than the 2 GiB that an ONNX file can have",
                    "save the model with its weights in external files");
    const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        throw Error(file, "cannot be opened", "check the path and its permissions");
    auto model = std::make_unique<::onnx::ModelProto>();
    const Silence silence;
    google::protobuf::io::FileInputStream stream(descriptor);
    stream.SetCloseOnDelete(true);
    google::protobuf::io::CodedInputStream coded(&stream);
    coded.SetTotalBytesLimit(std::numeric_limits<int>::max());
    // Four messages (graph, node, attribute, graph) to a level of graphs.
    coded.SetRecursionLimit(4 * kMaxGraphDepth);
    if (!model->ParseFromCodedStream(&coded) || !coded.ConsumedEntireMessage())
        throw Error(file, "cannot be read as ONNX: it is damaged or cut off", "get a complete copy of the file");
    if (!model->has_graph() || (model->graph().node_size() == 0 && model->graph().output_size() == 0))
        throw Error(file, "holds no ONNX graph", "export the model anew");
    if (depthOf(model->graph()) > kMaxGraphDepth)
        throw Error(file, "nests graphs more than " + std::to_string(kMaxGraphDepth) + " deep",
                    "the file is damaged or hostile");
    return model;
}

} // namespace fxp::quant::onnx_import
