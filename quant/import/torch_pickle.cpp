#include "quant/import/torch_pickle.h"

#include "quant/core/error.h"
#include "quant/import/pickle.h"
#include "quant/import/tensor_bytes.h"

#include <ATen/ATen.h>

#include <array>
#include <cstring>
#include <map>
#include <set>

namespace fxp::quant {

namespace {

constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxNames = std::size_t{1} << 22; // a dict may be in many others without being larger

constexpr const char* kHint = "save the tensors alone: torch.save(model.state_dict(), file)";

const std::map<std::string, at::ScalarType>& storageTypes() {
    static const std::map<std::string, at::ScalarType> kTypes{{"torch.FloatStorage", at::kFloat},
                                                              {"torch.DoubleStorage", at::kDouble},
                                                              {"torch.HalfStorage", at::kHalf},
                                                              {"torch.BFloat16Storage", at::kBFloat16},
                                                              {"torch.LongStorage", at::kLong},
                                                              {"torch.IntStorage", at::kInt},
                                                              {"torch.ShortStorage", at::kShort},
                                                              {"torch.CharStorage", at::kChar},
                                                              {"torch.ByteStorage", at::kByte},
                                                              {"torch.BoolStorage", at::kBool},
                                                              {"torch.storage.UntypedStorage", at::kByte},
                                                              {"torch.UntypedStorage", at::kByte}};
    return kTypes;
}

/// The classes and functions that a pickle of tensors, numbers and texts names.
bool isAllowed(const std::string& name) {
    static const std::set<std::string> kNames{"collections.OrderedDict",
                                              "collections.defaultdict",
                                              "collections.Counter",
                                              "builtins.dict",
                                              "builtins.set",
                                              "builtins.list",
                                              "builtins.tuple",
                                              "__builtin__.set",
                                              "builtins.bytearray",
                                              "_codecs.encode",
                                              "torch.Size",
                                              "torch.device",
                                              "torch.Tensor",
                                              "torch.nn.parameter.Parameter",
                                              "torch._utils._rebuild_tensor",
                                              "torch._utils._rebuild_tensor_v2",
                                              "torch._utils._rebuild_tensor_v3",
                                              "torch._utils._rebuild_parameter",
                                              "torch._utils._rebuild_parameter_with_state",
                                              "torch.serialization._get_layout",
                                              "torch._C._nn._rebuild",
                                              "numpy.core.multiarray.scalar",
                                              "numpy._core.multiarray.scalar",
                                              "numpy.dtype",
                                              "pathlib.PosixPath"};
    static const std::set<std::string> kTypes{"torch.float32", "torch.float64", "torch.float16", "torch.bfloat16",
                                              "torch.int64",   "torch.int32",   "torch.int16",   "torch.int8",
                                              "torch.uint8",   "torch.bool",    "torch.float",   "torch.double",
                                              "torch.half",    "torch.long",    "torch.int",     "torch.strided"};
    return kNames.contains(name) || kTypes.contains(name) || storageTypes().contains(name);
}

/// Gives the tensors of one pickle, whose storages `load` reads.
class TensorReader {
  public:
    /// `load`: the storage under that key, of so many elements; `limit`: bytes that a tensor may take at most.
    using Load = std::function<at::Tensor(const std::string& key, at::ScalarType type, std::int64_t elements)>;
    TensorReader(const Pickle& pickle, std::string where, std::uint64_t limit, Load load)
        : m_pickle(pickle), m_where(std::move(where)), m_limit(limit), m_load(std::move(load)) {}

    NamedTensors read();

  private:
    using Kind = PickleValue::Kind;

    [[noreturn]] void fail(const std::string& what) const { throw Error(m_where, what, kHint); }
    const PickleValue& at(std::uint32_t number) const { return m_pickle[number]; }
    std::string functionOf(const PickleValue& value) const {
        return value.kind == Kind::Call ? at(value.items[0]).text : std::string();
    }
    std::vector<std::int64_t> integers(std::uint32_t number) const;
    at::Tensor storage(std::uint32_t number);
    at::Tensor tensor(const PickleValue& value, const std::string& name, int depth = 0);
    bool isTensor(const PickleValue& value) const { return functionOf(value).starts_with("torch._utils._rebuild"); }
    std::uint32_t stateDict(std::uint32_t number) const;
    bool holdsTensors(const PickleValue& dict) const;
    void collect(std::uint32_t number, const std::string& prefix, int depth, NamedTensors& into);

    const Pickle& m_pickle;
    std::string m_where;
    std::uint64_t m_limit;
    Load m_load;
    std::map<std::string, at::Tensor> m_storages;
    std::set<std::string> m_names;
    std::size_t m_visited = 0;
};

std::vector<std::int64_t> TensorReader::integers(std::uint32_t number) const {
    const PickleValue* value = &at(number);
    if (functionOf(*value) == "torch.Size" && value->items.size() == 2)
        value = &at(value->items[1]);
    std::vector<std::int64_t> numbers;
    for (const std::uint32_t item : value->items) {
        if (value->kind != Kind::List || at(item).kind != Kind::Integer)
            fail("has a tensor whose shape is no list of integers");
        numbers.push_back(at(item).integer);
    }
    return numbers;
}

/// ('storage', type, key, location, elements[, view]), as torch.save names what it keeps apart.
at::Tensor TensorReader::storage(std::uint32_t number) {
    const PickleValue& value = at(number);
    const PickleValue* id = value.kind == Kind::Persistent ? &at(value.items[0]) : nullptr;
    if (!id || id->kind != Kind::List || id->items.size() < 5 || at(id->items[0]).text != "storage" ||
        at(id->items[1]).kind != Kind::Global || at(id->items[2]).kind != Kind::Text ||
        at(id->items[4]).kind != Kind::Integer)
        fail("has a tensor without a storage");
    const auto type = storageTypes().find(at(id->items[1]).text);
    if (type == storageTypes().end())
        fail("has tensors of type " + at(id->items[1]).text + ", which is not supported");
    const std::string& key = at(id->items[2]).text;
    const auto known = m_storages.find(key);
    if (known != m_storages.end()) {
        if (known->second.scalar_type() != type->second)
            fail("reads one storage as two types");
        return known->second;
    }
    return m_storages[key] = m_load(key, type->second, at(id->items[4]).integer);
}

at::Tensor TensorReader::tensor(const PickleValue& value, const std::string& name, int depth) {
    const std::string function = functionOf(value);
    if (depth > 4 || value.items.size() < 2)
        fail(name + " is not a tensor");
    if (function.starts_with("torch._utils._rebuild_parameter")) {
        if (!isTensor(at(value.items[1])))
            fail(name + " is a parameter without a tensor");
        return tensor(at(value.items[1]), name, depth + 1);
    }
    if (!function.starts_with("torch._utils._rebuild_tensor") || value.items.size() < 5)
        fail(name + " is not a tensor");
    if (function.ends_with("_v3"))
        fail(name + " is of a type that is not supported");
    if (at(value.items[2]).kind != Kind::Integer)
        fail(name + " has no offset");
    return viewOf(storage(value.items[1]), at(value.items[2]).integer, integers(value.items[3]),
                  integers(value.items[4]), m_limit, m_where + ", " + name);
}

bool TensorReader::holdsTensors(const PickleValue& dict) const {
    for (std::size_t i = 1; i < dict.items.size(); i += 2) {
        if (dict.kind == Kind::Dict && isTensor(at(dict.items[i])))
            return true;
    }
    return false;
}

/// The dict of a checkpoint that has the weights; the dict itself where they are in it.
std::uint32_t TensorReader::stateDict(std::uint32_t number) const {
    const PickleValue& dict = at(number);
    if (dict.kind != Kind::Dict || holdsTensors(dict))
        return number;
    for (const char* name : {"state_dict", "model_state_dict", "model", "module", "net", "network", "weights"}) {
        for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2) {
            if (at(dict.items[i]).kind == Kind::Text && at(dict.items[i]).text == name &&
                holdsTensors(at(dict.items[i + 1])))
                return dict.items[i + 1];
        }
    }
    return number;
}

void TensorReader::collect(std::uint32_t number, const std::string& prefix, int depth, NamedTensors& into) {
    if (depth > kMaxDepth)
        fail("is nested more than " + std::to_string(kMaxDepth) + " deep");
    if (++m_visited > kMaxNames)
        fail("holds more than a model does");
    const PickleValue& value = at(number);
    if (isTensor(value)) {
        const std::string name = prefix.empty() ? "tensor" : prefix;
        if (!m_names.insert(name).second)
            fail("has two tensors named " + name);
        into.emplace_back(name, tensor(value, name));
        return;
    }
    const auto inside = [&](const std::string& key, std::uint32_t item) {
        collect(item, prefix.empty() ? key : prefix + "." + key, depth + 1, into);
    };
    if (value.kind == Kind::Dict) {
        for (std::size_t i = 0; i + 1 < value.items.size(); i += 2) {
            const PickleValue& key = at(value.items[i]);
            if (key.kind == Kind::Text || key.kind == Kind::Integer)
                inside(key.kind == Kind::Text ? key.text : std::to_string(key.integer), value.items[i + 1]);
        }
    } else if (value.kind == Kind::List) {
        for (std::size_t i = 0; i < value.items.size(); ++i)
            inside(std::to_string(i), value.items[i]);
    }
}

NamedTensors TensorReader::read() {
    NamedTensors tensors;
    collect(stateDict(m_pickle.root()), {}, 0, tensors);
    return tensors;
}

/// The older form: four pickles, of which the fourth holds the tensors, then the keys of the storages as a pickle, then
/// each storage as its length and its elements.
NamedTensors readLegacy(const std::string& file) {
    const FileBytes content = readFile(file);
    std::span<const std::byte> rest = content.bytes();
    const auto next = [&] {
        Pickle pickle(rest, file, isAllowed);
        rest = rest.subspan(pickle.length());
        return pickle;
    };
    const Pickle magic = next(), protocol = next(), system = next();
    // 0x1950a86a20f9469cfc6c, which torch.save writes first, is ten bytes long.
    const auto& head = magic[magic.root()];
    if (head.kind != PickleValue::Kind::Bytes || protocol[protocol.root()].integer != 1001)
        throw Error(file, "is a pickle, but not one of torch.save", kHint);
    if (const PickleValue* little = system.find(system.root(), "little_endian"); little && little->integer == 0)
        throw Error(file, "was written on a big-endian machine", "save it again on another machine");
    const Pickle tensors = next(), keys = next();
    std::map<std::string, std::span<const std::byte>> storages; // from the length on
    std::map<std::string, at::ScalarType> types;
    for (std::uint32_t i = 0; const PickleValue* id = tensors.value(i); ++i) {
        if (id->kind == PickleValue::Kind::List && id->items.size() >= 5 && tensors[id->items[0]].text == "storage") {
            const auto type = storageTypes().find(tensors[id->items[1]].text);
            if (type != storageTypes().end())
                types[tensors[id->items[2]].text] = type->second;
        }
    }
    const PickleValue& order = keys[keys.root()];
    if (order.kind != PickleValue::Kind::List)
        throw Error(file, "has no list of its storages", kHint);
    for (const std::uint32_t item : order.items) {
        const std::string& key = keys[item].text;
        std::int64_t count = 0;
        if (rest.size() < sizeof count || !types.contains(key))
            throw Error(file, "is cut off before its last tensor", kHint);
        std::memcpy(&count, rest.data(), sizeof count);
        const std::size_t size = c10::elementSize(types[key]);
        if (count < 0 || static_cast<std::uint64_t>(count) > (rest.size() - sizeof count) / size)
            throw Error(file, "is cut off before its last tensor", kHint);
        const std::size_t bytes = static_cast<std::size_t>(count) * size;
        if (!storages.try_emplace(key, rest.subspan(sizeof count, bytes)).second)
            throw Error(file, "has a storage twice", kHint);
        rest = rest.subspan(sizeof count + bytes);
    }
    if (!rest.empty())
        throw Error(file, "has " + std::to_string(rest.size()) + " bytes after its last tensor", kHint);
    const auto load = [&](const std::string& key, at::ScalarType type, std::int64_t elements) {
        const auto found = storages.find(key);
        if (found == storages.end())
            throw Error(file, "has no storage " + key, kHint);
        at::Tensor tensor = newTensor(type, elements, found->second.size(), file);
        std::memcpy(tensor.data_ptr(), found->second.data(), found->second.size());
        return tensor;
    };
    return TensorReader(tensors, file, tensorLimit(content.bytes().size()), load).read();
}

} // namespace

NamedTensors readTorchPickle(const ZipArchive& archive) {
    const std::string name = archive.find("data.pkl");
    if (name.empty())
        throw Error(archive.where(), "has no tensors of torch.save in it", kHint);
    const std::string root = name.substr(0, name.size() - std::string("data.pkl").size());
    if (archive.has(root + "byteorder") && archive.read(root + "byteorder").text() == "big")
        throw Error(archive.where(), "was written on a big-endian machine", "save it again on another machine");
    const FileBytes bytes = archive.read(name);
    const Pickle pickle(bytes.bytes(), archive.where(), isAllowed);
    if (pickle.length() != bytes.bytes().size())
        throw Error(archive.where() + ", " + name,
                    "has " + std::to_string(bytes.bytes().size() - pickle.length()) + " bytes after its end", kHint);
    std::uint64_t total = 0;
    for (const std::string& entry : archive.names())
        total += archive.size(entry);
    const auto load = [&](const std::string& key, at::ScalarType type, std::int64_t elements) {
        const std::string entry = root + "data/" + key;
        at::Tensor tensor = newTensor(type, elements, archive.size(entry), archive.where() + ", " + entry);
        archive.read(entry, bytesOf(tensor));
        return tensor;
    };
    return TensorReader(pickle, archive.where(), tensorLimit(total), load).read();
}

NamedTensors readTorchPickle(const std::string& file) {
    std::array<std::byte, 2> head{};
    if (RegularFile(file).read(head) == head.size() && head[0] == std::byte{'P'} && head[1] == std::byte{'K'})
        return readTorchPickle(ZipArchive(file));
    return readLegacy(file);
}

} // namespace fxp::quant
