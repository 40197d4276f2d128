#include "quant/import/onnx/scopes.h"

#include "quant/graph/layer_spec.h"
#include "quant/import/onnx/proto.h"
#include "quant/import/source_lines.h"

#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <cctype>

namespace fxp::quant::onnx_import {

namespace {

/// No module of a network stands deeper; a name of slashes alone must not become as many paths.
constexpr std::size_t kMaxScopes = 64;

/// NodeProto's field 9, which the classes of older ONNX releases do not have.
std::map<std::string, std::string> metadataOf(const ::onnx::NodeProto& node) {
    constexpr int kMetadata = 9;
    std::map<std::string, std::string> metadata;
    const auto& fields = node.GetReflection()->GetUnknownFields(node);
    for (int i = 0; i < fields.field_count(); ++i) {
        const auto& field = fields.field(i);
        if (field.number() != kMetadata || field.type() != google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED)
            continue;
        ::onnx::StringStringEntryProto entry;
        if (entry.ParseFromString(field.length_delimited()))
            metadata[entry.key()] = entry.value();
    }
    return metadata;
}

/// The texts of a Python list, as repr writes it: `['', 'stem', 'stem.0']`.
std::vector<std::string> pythonList(const std::string& text) {
    std::vector<std::string> items;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\'' && text[i] != '"')
            continue;
        const char quote = text[i];
        std::string item;
        for (++i; i < text.size() && text[i] != quote; ++i) {
            if (text[i] == '\\' && i + 1 < text.size())
                ++i;
            item += text[i];
        }
        items.push_back(item);
    }
    return items;
}

/// `torch.nn.modules.linear.Linear` → `torch.nn.linear.Linear`, as TorchScript has it.
std::string plainClass(std::string name) {
    const std::string inner = "torch.nn.modules.";
    if (name.starts_with(inner))
        name = "torch.nn." + name.substr(inner.size());
    const std::string main = "__main__.";
    return name.starts_with(main) ? name.substr(main.size()) : name;
}

/// The parent's path with a component that may repeat the end of it: `stem` and `stem.0` are `stem.0`.
std::string joinScope(const std::string& parent, const std::string& component) {
    for (std::size_t dot = component.rfind('.'); dot != std::string::npos && dot > 0;
         dot = component.rfind('.', dot - 1)) {
        const std::string prefix = component.substr(0, dot);
        if (parent == prefix || parent.ends_with("." + prefix))
            return parent + component.substr(dot);
    }
    return joinPath(parent, component);
}

/// The module that a node's weight belongs to by its name; empty where there is none.
std::string moduleOfWeight(const ::onnx::NodeProto& node) {
    for (int i = 1; i < node.input_size(); ++i) {
        const std::string& name = node.input(i);
        for (const char* end : {".weight", ".weight_ih_l0", ".weight_orig"}) {
            if (name.ends_with(end) && name.find("::") == std::string::npos)
                return name.substr(0, name.size() - std::string(end).size());
        }
    }
    return {};
}

std::vector<std::string> prefixesOf(const std::string& path) {
    std::vector<std::string> parents;
    for (std::size_t dot = path.find('.'); dot != std::string::npos && parents.size() < kMaxScopes;
         dot = path.find('.', dot + 1))
        parents.push_back(path.substr(0, dot));
    if (!path.empty())
        parents.push_back(path);
    return parents;
}

} // namespace

std::vector<std::string> parentsFromName(const std::string& nodeName) {
    const std::string name = nodeName.substr(0, nodeName.find(';'));
    std::vector<std::string> parents;
    std::string path;
    std::size_t begin = 0;
    for (std::size_t slash = name.find('/'); slash != std::string::npos && parents.size() < kMaxScopes;
         slash = name.find('/', begin)) {
        const std::string component = name.substr(begin, slash - begin);
        if (!component.empty()) {
            path = joinScope(path, component);
            parents.push_back(path);
        }
        begin = slash + 1;
    }
    return parents;
}

NodeScope scopeOf(const ::onnx::NodeProto& node) {
    NodeScope scope;
    const auto metadata = metadataOf(node);
    if (const auto trace = metadata.find("pkg.torch.onnx.stack_trace"); trace != metadata.end())
        scope.source = sourceOfTraceback(trace->second);
    if (const auto names = metadata.find("pkg.torch.onnx.name_scopes"); names != metadata.end()) {
        scope.parents = pythonList(names->second);
        scope.parents.resize(std::min(scope.parents.size(), kMaxScopes));
        if (const auto classes = metadata.find("pkg.torch.onnx.class_hierarchy"); classes != metadata.end())
            scope.classes = pythonList(classes->second);
        if (scope.classes.size() != scope.parents.size())
            scope.classes.clear();
        // The last is the operator; the root has no name.
        if (!scope.parents.empty())
            scope.parents.pop_back();
        scope.classes.resize(std::min(scope.classes.size(), scope.parents.size()));
        for (std::string& name : scope.classes)
            name = plainClass(name);
        if (!scope.parents.empty() && scope.parents.front().empty()) {
            scope.parents.erase(scope.parents.begin());
            if (!scope.classes.empty())
                scope.classes.erase(scope.classes.begin());
        }
    } else {
        scope.parents = parentsFromName(node.name());
        if (scope.parents.empty())
            scope.parents = prefixesOf(moduleOfWeight(node));
    }
    // A batch norm that the exporter folded into the convolution before it stands in the norm's module.
    const auto rule = metadata.find("pkg.onnxscript.rewriter.rule_name");
    if (const std::string layer = moduleOfWeight(node);
        rule != metadata.end() && rule->second.find("FuseBatchNormInto") != std::string::npos && !layer.empty()) {
        scope.parents = prefixesOf(layer);
        scope.classes.clear();
    }
    scope.path = scope.parents.empty() ? std::string() : scope.parents.back();
    return scope;
}

} // namespace fxp::quant::onnx_import
