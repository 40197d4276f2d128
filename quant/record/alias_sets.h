#pragma once

#include "quant/ops/builder.h"

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace fxp::quant {

/// How a tensor lies in its storage.
struct Layout {
    explicit Layout(const at::Tensor& tensor);

    std::vector<std::int64_t> sizes, strides;
    std::int64_t offset = 0;
    at::ScalarType type;

    bool operator==(const Layout&) const = default;
};

/// Which recorded value each tensor of a running model holds. Tensors are tracked by their storage: a tensor and its
/// views form one alias set, and what is written through one of them is read through all. Storages are kept, so that no
/// tensor is mistaken for an earlier one at the same address.
class AliasSets {
  public:
    explicit AliasSets(Builder& builder) : m_builder(builder) {}

    /// Declares that the tensor, a new one or a view of known memory, holds the value.
    void bind(const at::Tensor& tensor, Value value);
    /// A second tensor, the twin, that stands for `original` in the model from now on and holds `value`. The model
    /// believes both to be one tensor (dropout returns its input in evaluation), but their formats make the values
    /// differ. The twin has memory of its own, and every write to one of the two is repeated in the other.
    at::Tensor bindTwin(const at::Tensor& original, Value value);
    /// The value that the tensor holds now; a constant where no recorded value was ever written to its memory.
    Value read(const at::Tensor& tensor);
    /// Whether the tensor's memory is one of the first `count` alias sets; without `count`, whether it is known at all.
    bool knows(const at::Tensor& tensor, std::size_t count = SIZE_MAX) const;
    /// Whether the tensor's memory holds recorded values.
    bool isLive(const at::Tensor& tensor) const;

    /// The memory, as flat tensors, of all twins of the tensor (bindTwin), and of their twins.
    std::vector<at::Tensor> twinsOf(const at::Tensor& tensor) const;

    /// Must be called before the model writes to the tensor's memory.
    void prepareWrite(const at::Tensor& tensor);
    /// Must be called after the model wrote `value` to the tensor and its memory. Throws Error where views with another
    /// element type share that memory.
    void write(const at::Tensor& tensor, Value value);

    /// Names a parameter or buffer, or a view of one: where an operator takes it as an input, its slot gets this name.
    void setName(const at::Tensor& tensor, const std::string& name);
    /// The tensor's name; empty where it has none, or where its memory was written to.
    std::string nameOf(const at::Tensor& tensor) const;

    /// A moment of the recording: how many alias sets and writes there were until then.
    struct Moment {
        std::size_t sets = 0, writes = 0;
    };
    Moment now() const { return {m_created, m_writes.size()}; }
    /// Whether memory that was known at that moment was written to since.
    bool wroteToOlder(const Moment& moment) const;

  private:
    /// One layout in which tensors see the memory, and the value last read or written in it.
    struct View {
        Layout layout;
        Value value;
        std::uint64_t version = 0;
        std::string name;
    };
    struct Set {
        c10::Storage storage; ///< kept, so that no other storage gets its address
        std::size_t number = 0;
        std::uint64_t version = 0;
        bool live = false;
        std::vector<View> views;
        /// Index of the view whose value covers everything recorded in this memory, in its version.
        std::size_t whole = 0;
        std::vector<at::Tensor> twins;
    };

    Set& setOf(const at::Tensor& tensor);
    const Set* find(const at::Tensor& tensor) const;
    View& viewOf(Set& set, const Layout& layout);
    void store(Set& set, const at::Tensor& tensor, Value value);
    Operands memoryOperands(const Set& set, const Layout& layout) const;

    Builder& m_builder;
    std::unordered_map<const void*, Set> m_sets; ///< by the address of the StorageImpl
    std::size_t m_created = 0;
    std::vector<std::size_t> m_writes; ///< the number of the set of every write
};

} // namespace fxp::quant
