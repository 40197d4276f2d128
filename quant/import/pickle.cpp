#include "quant/import/pickle.h"

#include "quant/core/error.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <system_error>

namespace fxp::quant {

namespace {

constexpr std::size_t kMaxArguments = 32;
constexpr std::size_t kMaxValues = std::size_t{1} << 22;

} // namespace

void Pickle::fail(const std::string& what) const {
    throw Error(m_where, what + " (byte " + std::to_string(m_at) + ")",
                "save the tensors alone: torch.save(model.state_dict(), file)");
}

Pickle::Pickle(std::span<const std::byte> bytes, const std::string& where,
               const std::function<bool(const std::string&)>& allows)
    : m_bytes(bytes), m_where(where), m_allows(allows) {
    while (step(number<unsigned char>())) {
    }
    m_root = pop();
}

const PickleValue* Pickle::find(std::uint32_t number, const std::string& key) const {
    const PickleValue& dict = m_values[number];
    if (dict.kind != Kind::Dict)
        return nullptr;
    for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2) {
        const PickleValue& own = m_values[dict.items[i]];
        if (own.kind == Kind::Text && own.text == key)
            return &m_values[dict.items[i + 1]];
    }
    return nullptr;
}

std::span<const std::byte> Pickle::take(std::size_t count) {
    if (count > m_bytes.size() - m_at)
        fail("the pickle is cut off");
    const auto taken = m_bytes.subspan(m_at, count);
    m_at += count;
    return taken;
}

template <class T> T Pickle::number() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
}

template <class T> T Pickle::digitsOf(std::string text) const {
    if (text.ends_with('L')) // Python 2 wrote 3L
        text.pop_back();
    T value{};
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end != text.data() + text.size())
        fail("the pickle is damaged: \"" + text.substr(0, 40) + "\" is no number of its kind");
    return value;
}

std::string Pickle::line() {
    const auto rest = m_bytes.subspan(m_at);
    const auto end = std::ranges::find(rest, std::byte{'\n'});
    if (end == rest.end())
        fail("the pickle is cut off");
    std::string result = text(static_cast<std::size_t>(end - rest.begin()));
    ++m_at;
    return result;
}

std::string Pickle::text(std::size_t count) {
    const auto bytes = take(count);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// One byte can make a value, which takes a hundred times as much memory.
std::uint32_t Pickle::add(PickleValue value) {
    if (m_values.size() >= kMaxValues)
        fail("the pickle has more values than a file of weights has");
    m_values.push_back(std::move(value));
    return static_cast<std::uint32_t>(m_values.size() - 1);
}

std::uint32_t Pickle::pop() {
    if (m_stack.empty() || (!m_marks.empty() && m_stack.size() <= m_marks.back()))
        fail("the pickle is damaged: a value is missing");
    const std::uint32_t value = m_stack.back();
    m_stack.pop_back();
    return value;
}

std::vector<std::uint32_t> Pickle::popToMark() {
    if (m_marks.empty())
        fail("the pickle is damaged: a mark is missing");
    const auto from = m_stack.begin() + static_cast<std::ptrdiff_t>(m_marks.back());
    std::vector<std::uint32_t> items(from, m_stack.end());
    m_stack.erase(from, m_stack.end());
    m_marks.pop_back();
    return items;
}

PickleValue& Pickle::top(Kind kind) {
    if (m_stack.empty() || m_values[m_stack.back()].kind != kind)
        fail("the pickle is damaged: it puts a value where none can be");
    return m_values[m_stack.back()];
}

void Pickle::append(PickleValue& into, const std::vector<std::uint32_t>& items) {
    if (into.kind == Kind::Dict && items.size() % 2 != 0)
        fail("the pickle is damaged: a key has no value");
    into.items.insert(into.items.end(), items.begin(), items.end());
}

void Pickle::memoize(std::uint64_t index) {
    if (m_stack.empty())
        fail("the pickle is damaged: there is nothing to remember");
    // An index that no pickle of that size counts up to would only ask for memory.
    if (index > m_bytes.size())
        fail("the pickle is damaged: it remembers a value under a number that is too large");
    if (index >= m_memo.size())
        m_memo.resize(index + 1, -1);
    m_memo[index] = m_stack.back();
}

void Pickle::recall(std::uint64_t index) {
    if (index >= m_memo.size() || m_memo[index] < 0)
        fail("the pickle is damaged: it recalls a value that was not remembered");
    m_stack.push_back(static_cast<std::uint32_t>(m_memo[index]));
}

void Pickle::pushGlobal(const std::string& module, const std::string& name) {
    PickleValue value;
    value.kind = Kind::Global;
    value.text = module + "." + name;
    if (!m_allows(value.text))
        throw Error(m_where,
                    "holds an object of the class " + value.text.substr(0, 200) + ", which is code and not weights",
                    "save the tensors alone, torch.save(model.state_dict(), file), or the whole model with "
                    "torch.jit.save or torch.export.save");
    push(std::move(value));
}

void Pickle::call() {
    const std::uint32_t arguments = pop(), function = pop();
    if (m_values[function].kind != Kind::Global || m_values[arguments].kind != Kind::List)
        fail("the pickle calls what cannot be called");
    PickleValue value;
    const std::string& name = m_values[function].text;
    if (name == "collections.OrderedDict" || name == "builtins.dict" || name == "collections.defaultdict") {
        value.kind = Kind::Dict;
    } else {
        // A tuple may be called with again and again: without a limit the copies would outgrow the file.
        if (m_values[arguments].items.size() > kMaxArguments)
            fail("the pickle calls with too many arguments");
        value.kind = Kind::Call;
        value.items = {function};
        append(value, m_values[arguments].items);
    }
    push(std::move(value));
}

/// The state of an object: of a dict it is beside its items (`_metadata`), of a call it belongs to it.
void Pickle::build() {
    const std::uint32_t state = pop();
    if (m_stack.empty())
        fail("the pickle is damaged: a state has no object");
    PickleValue& object = m_values[m_stack.back()];
    if (object.kind == Kind::Call)
        object.items.push_back(state);
    else if (object.kind != Kind::Dict)
        fail("the pickle gives a state to what has none");
}

/// A little-endian integer of any length; one beyond int64 becomes a text, as no tensor needs it.
void Pickle::pushLong(std::size_t count) {
    const auto bytes = take(count);
    PickleValue value;
    if (count <= 8) {
        value.kind = Kind::Integer;
        std::uint64_t bits = count > 0 && (bytes[count - 1] & std::byte{0x80}) != std::byte{} ? ~std::uint64_t{0} : 0;
        for (std::size_t i = 0; i < count; ++i) {
            bits &= ~(std::uint64_t{0xFF} << (8 * i));
            bits |= static_cast<std::uint64_t>(bytes[i]) << (8 * i);
        }
        value.integer = std::bit_cast<std::int64_t>(bits);
    } else {
        value.kind = Kind::Bytes;
    }
    push(std::move(value));
}

namespace {

PickleValue make(PickleValue::Kind kind) {
    PickleValue value;
    value.kind = kind;
    return value;
}

PickleValue integerValue(std::int64_t number, PickleValue::Kind kind = PickleValue::Kind::Integer) {
    PickleValue value = make(kind);
    value.integer = number;
    return value;
}

PickleValue textValue(std::string text, PickleValue::Kind kind = PickleValue::Kind::Text) {
    PickleValue value = make(kind);
    value.text = std::move(text);
    return value;
}

} // namespace

bool Pickle::step(unsigned char opcode) {
    const auto list = [&](std::size_t count) {
        PickleValue value = make(Kind::List);
        value.items.resize(count);
        for (std::size_t i = count; i-- > 0;)
            value.items[i] = pop();
        push(std::move(value));
    };
    const auto marked = [&](Kind kind) {
        PickleValue value = make(kind);
        append(value, popToMark());
        push(std::move(value));
    };
    switch (opcode) {
    case 0x80: // PROTO
        if (number<std::uint8_t>() > 5)
            fail("the pickle is of a protocol that is not known");
        return true;
    case 0x95: number<std::uint64_t>(); return true; // FRAME
    case '.': return false;
    case '(': m_marks.push_back(m_stack.size()); return true;
    case '0': pop(); return true;
    case '1': popToMark(); return true;
    case '2': m_stack.push_back(m_stack.empty() ? pop() : m_stack.back()); return true;
    case 'N': push(make(Kind::None)); return true;
    case 0x88:
    case 0x89: push(integerValue(opcode == 0x88, Kind::Bool)); return true;
    case 'K': push(integerValue(number<std::uint8_t>())); return true;
    case 'M': push(integerValue(number<std::uint16_t>())); return true;
    case 'J': push(integerValue(number<std::int32_t>())); return true;
    case 0x8a: pushLong(number<std::uint8_t>()); return true;
    case 0x8b: {
        const auto count = number<std::int32_t>();
        pushLong(count < 0 ? m_bytes.size() : static_cast<std::size_t>(count));
        return true;
    }
    case 'I':
    case 'L': {
        const std::string digits = line();
        push(digits == "00" || digits == "01" ? integerValue(digits == "01", Kind::Bool)
                                              : integerValue(digitsOf<std::int64_t>(digits)));
        return true;
    }
    case 'G': { // big-endian
        std::uint64_t bits = 0;
        for (const std::byte byte : take(8))
            bits = bits << 8 | static_cast<std::uint64_t>(byte);
        PickleValue value = make(Kind::Real);
        value.real = std::bit_cast<double>(bits);
        push(std::move(value));
        return true;
    }
    case 'F': {
        PickleValue value = make(Kind::Real);
        value.real = digitsOf<double>(line());
        push(std::move(value));
        return true;
    }
    case 'V': push(textValue(line())); return true;
    case 'X': push(textValue(text(number<std::uint32_t>()))); return true;
    case 0x8c: push(textValue(text(number<std::uint8_t>()))); return true;
    case 0x8d: push(textValue(text(number<std::uint64_t>()))); return true;
    case 'U': push(textValue(text(number<std::uint8_t>()))); return true; // Python 2's str
    case 'T': push(textValue(text(number<std::uint32_t>()))); return true;
    case 'C': push(textValue(text(number<std::uint8_t>()), Kind::Bytes)); return true;
    case 'B': push(textValue(text(number<std::uint32_t>()), Kind::Bytes)); return true;
    case 0x8e:
    case 0x96: push(textValue(text(number<std::uint64_t>()), Kind::Bytes)); return true;
    case ']':
    case 0x8f:
    case ')': push(make(Kind::List)); return true;
    case '}': push(make(Kind::Dict)); return true;
    case 'l':
    case 't':
    case 0x91: marked(Kind::List); return true;
    case 'd': marked(Kind::Dict); return true;
    case 0x85: list(1); return true;
    case 0x86: list(2); return true;
    case 0x87: list(3); return true;
    case 'a': {
        const std::uint32_t item = pop();
        append(top(Kind::List), {item});
        return true;
    }
    case 'e':
    case 0x90: {
        const auto items = popToMark();
        append(top(Kind::List), items);
        return true;
    }
    case 's': {
        const std::uint32_t value = pop(), key = pop();
        append(top(Kind::Dict), {key, value});
        return true;
    }
    case 'u': {
        const auto items = popToMark();
        append(top(Kind::Dict), items);
        return true;
    }
    case 'q': memoize(number<std::uint8_t>()); return true;
    case 'r': memoize(number<std::uint32_t>()); return true;
    case 'p': memoize(digitsOf<std::uint64_t>(line())); return true;
    case 0x94: memoize(m_memo.size()); return true;
    case 'h': recall(number<std::uint8_t>()); return true;
    case 'j': recall(number<std::uint32_t>()); return true;
    case 'g': recall(digitsOf<std::uint64_t>(line())); return true;
    case 'c': {
        const std::string module = line();
        pushGlobal(module, line());
        return true;
    }
    case 0x93: {
        const std::uint32_t name = pop(), module = pop();
        if (m_values[name].kind != Kind::Text || m_values[module].kind != Kind::Text)
            fail("the pickle is damaged: a class has no name");
        pushGlobal(std::string(m_values[module].text), std::string(m_values[name].text));
        return true;
    }
    case 'R':
    case 0x81: call(); return true;
    case 'b': build(); return true;
    case 'Q': {
        PickleValue value = make(Kind::Persistent);
        value.items = {pop()};
        push(std::move(value));
        return true;
    }
    default: fail("the pickle has an opcode that weights do not need (" + std::to_string(opcode) + ")");
    }
}

} // namespace fxp::quant
