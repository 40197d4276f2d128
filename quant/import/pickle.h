#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace fxp::quant {

/// What a pickle holds, as data. Values refer to one another by number, as objects of a pickle may be shared.
struct PickleValue {
    enum class Kind : std::uint8_t { None, Bool, Integer, Real, Text, Bytes, List, Dict, Global, Call, Persistent };
    Kind kind = Kind::None;
    std::int64_t integer = 0; ///< of Bool and Integer
    double real = 0;
    std::string text;                 ///< of Text and Bytes; of Global `module.name`
    std::vector<std::uint32_t> items; ///< of List, tuple and set; of Dict key, value, key, value, …; of Call the global
                                      ///< and its arguments; of Persistent the id
};

/// A pickle, read as data: nothing in it is imported or called. Calls are kept as what was called with which arguments.
class Pickle {
  public:
    /// Reads one pickle from the front of `bytes`. Throws Error at `where`: it is damaged, has an opcode that weights
    /// do not need, is larger than its bytes can make it, or `allows` says no to a global (`module.name`).
    Pickle(std::span<const std::byte> bytes, const std::string& where,
           const std::function<bool(const std::string&)>& allows);

    /// The bytes that it took.
    std::size_t length() const { return m_at; }
    std::uint32_t root() const { return m_root; }
    const PickleValue& operator[](std::uint32_t number) const { return m_values[number]; }
    /// The value of that number, from 0 on; null beyond the last.
    const PickleValue* value(std::uint32_t number) const {
        return number < m_values.size() ? &m_values[number] : nullptr;
    }
    /// The value under a text key; null where there is none, or `number` is no dict.
    const PickleValue* find(std::uint32_t number, const std::string& key) const;

  private:
    using Kind = PickleValue::Kind;
    [[noreturn]] void fail(const std::string& what) const;
    std::span<const std::byte> take(std::size_t count);
    template <class T> T number();
    /// A number written in digits.
    template <class T> T digitsOf(std::string text) const;
    std::string line();
    std::string text(std::size_t count);
    std::uint32_t add(PickleValue value);
    void push(PickleValue value) { m_stack.push_back(add(std::move(value))); }
    std::uint32_t pop();
    std::vector<std::uint32_t> popToMark();
    PickleValue& top(Kind kind);
    void append(PickleValue& into, const std::vector<std::uint32_t>& items);
    void memoize(std::uint64_t index);
    void recall(std::uint64_t index);
    void pushGlobal(const std::string& module, const std::string& name);
    void call();
    void build();
    void pushLong(std::size_t count);
    bool step(unsigned char opcode);

    std::span<const std::byte> m_bytes;
    std::string m_where;
    std::function<bool(const std::string&)> m_allows;
    std::size_t m_at = 0;
    std::vector<PickleValue> m_values;
    std::vector<std::uint32_t> m_stack;
    std::vector<std::size_t> m_marks;
    std::vector<std::int64_t> m_memo; ///< by index; −1 where there is none
    std::uint32_t m_root = 0;
};

} // namespace fxp::quant
