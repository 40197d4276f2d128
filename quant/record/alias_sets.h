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

/// Which recorded value each tensor of a running model holds. Tensors are followed by storage: a base and its views are
/// one alias set, what is written through one of them is read through all, and no tensor is ever taken for another that
/// had its address before.
class AliasSets {
  public:
    explicit AliasSets(Builder& builder) : m_builder(builder) {}

    /// The tensor, new or a view of memory known already, holds the value.
    void bind(const at::Tensor& tensor, Value value);
    /// A tensor that the model takes for `original` itself (dropout's result in evaluation), but whose values are
    /// others by their formats: memory of its own, to which every write to the one goes as well. Holds `value`.
    at::Tensor bindTwin(const at::Tensor& original, Value value);
    /// What the tensor holds now: a constant where no recorded value was ever written to its memory.
    Value read(const at::Tensor& tensor);
    /// Whether the tensor's memory is one of the first `count` alias sets; of any that is known without it.
    bool knows(const at::Tensor& tensor, std::size_t count = SIZE_MAX) const;
    /// Whether the tensor's memory holds recorded values.
    bool isLive(const at::Tensor& tensor) const;

    /// The memory, flat, of all that the model takes for the tensor's own (bindTwin), near and far.
    std::vector<at::Tensor> twinsOf(const at::Tensor& tensor) const;

    /// Before the model writes to the tensor's memory.
    void prepareWrite(const at::Tensor& tensor);
    /// The model wrote `value` to the tensor; its memory has it already. Throws Error where views of another element
    /// type look at that memory.
    void write(const at::Tensor& tensor, Value value);

    /// A parameter or buffer, or a view of one: its name becomes its slot's name where an operator takes it.
    void setName(const at::Tensor& tensor, const std::string& name);
    /// Empty where it has none, or was written to.
    std::string nameOf(const at::Tensor& tensor) const;

    /// A moment of the recording: how many alias sets and writes there were.
    struct Moment {
        std::size_t sets = 0, writes = 0;
    };
    Moment now() const { return {m_created, m_writes.size()}; }
    /// Whether, since then, something was written to memory that was known then.
    bool wroteToOlder(const Moment& moment) const;

  private:
    /// A way to look at the memory, and what was seen there last.
    struct View {
        Layout layout;
        Value value;
        std::uint64_t version = 0;
        std::string name;
    };
    struct Set {
        c10::Storage storage; ///< kept, so that its address stays its own
        std::size_t number = 0;
        std::uint64_t version = 0;
        bool live = false;
        std::vector<View> views;
        std::size_t whole = 0; ///< the view that holds all that was recorded of the memory, in its version
        std::vector<at::Tensor> twins;
    };

    Set& setOf(const at::Tensor& tensor);
    const Set* find(const at::Tensor& tensor) const;
    View& viewOf(Set& set, const Layout& layout);
    void store(Set& set, const at::Tensor& tensor, Value value);
    Operands memoryOperands(const Set& set, const Layout& layout) const;

    Builder& m_builder;
    std::unordered_map<const void*, Set> m_sets; ///< by StorageImpl
    std::size_t m_created = 0;
    std::vector<std::size_t> m_writes; ///< numbers of the sets written to, in order
};

} // namespace fxp::quant
