#include "quant/graph/program.h"

#include <ATen/ATen.h>

#include <charconv>
#include <map>

namespace fxp::quant {

namespace {

/// Numbers values in the order in which the text names them first, so that equal programs read equal.
class Writer {
  public:
    explicit Writer(const Program& program) : m_program(program) {}

    std::string text() {
        for (const ValueId input : m_program.inputs)
            m_text += "input " + name(input) + "\n";
        for (const auto& [id, tensor] : m_program.constants)
            m_text += "constant " + name(id) + " " + describe(tensor) + "\n";
        for (const Step& step : m_program.steps)
            write(step);
        m_text += "output " + list(m_program.outputs) + "\n";
        if (m_program.dataDependent)
            m_text += "valid for these inputs alone: it depends on their values\n";
        return std::move(m_text);
    }

  private:
    std::string name(ValueId value) {
        if (value == kAbsent)
            return "none";
        return "%" + std::to_string(m_numbers.try_emplace(value, m_numbers.size()).first->second);
    }

    std::string list(const std::vector<ValueId>& values) {
        std::string text;
        for (const ValueId value : values)
            text += (text.empty() ? "" : ", ") + name(value);
        return text;
    }

    static std::string describe(const at::Tensor& tensor) {
        std::string text = std::string(c10::toString(tensor.scalar_type())) + " [";
        for (std::int64_t i = 0; i < tensor.dim(); ++i)
            text += (i ? ", " : "") + std::to_string(tensor.size(i));
        return text + "]";
    }

    static std::string number(double value) {
        char digits[32];
        const auto end = std::to_chars(std::begin(digits), std::end(digits), value).ptr;
        std::string text(std::begin(digits), end);
        if (text.find_first_of(".einf") == std::string::npos)
            text += ".0"; // told apart from an integer
        return text;
    }

    static std::string quoted(const std::string& text) {
        std::string result = "\"";
        for (const char c : text) {
            const auto byte = static_cast<unsigned char>(c);
            if (c == '"' || c == '\\') {
                result += '\\';
                result += c;
            } else if (byte < 0x20 || byte == 0x7F) {
                constexpr const char* kHex = "0123456789abcdef";
                result += std::string("\\x") + kHex[byte >> 4] + kHex[byte & 15];
            } else {
                result += c;
            }
        }
        return result + "\"";
    }

    std::string argument(const Argument& argument, const Step& step) {
        struct Visitor {
            Writer& writer;
            const Step& step;
            std::string operator()(std::monostate) const { return "none"; }
            std::string operator()(bool value) const { return value ? "true" : "false"; }
            std::string operator()(std::int64_t value) const { return std::to_string(value); }
            std::string operator()(double value) const { return number(value); }
            std::string operator()(const std::string& value) const { return quoted(value); }
            std::string operator()(Hole hole) const {
                return writer.name(step.inputs[static_cast<std::size_t>(hole.input)]);
            }
            std::string operator()(const Argument::List& values) const {
                std::string text;
                for (const Argument& value : values)
                    text += (text.empty() ? "" : ", ") + writer.argument(value, step);
                return "[" + text + "]";
            }
        };
        return std::visit(Visitor{*this, step}, argument.value);
    }

    void write(const Step& step) {
        std::string arguments;
        for (const NamedArgument& one : step.arguments) {
            arguments += arguments.empty() ? "" : ", ";
            arguments += (one.name.empty() ? "" : one.name + "=") + argument(one.value, step);
        }
        m_text += list(step.outputs) + " = " + step.op + "(" + arguments + ")";
        if (!step.formats.empty() && !step.isQuantize()) {
            std::string paths;
            for (const SlotId slot : step.formats)
                paths += (paths.empty() ? "" : ", ") + pathOf(slot);
            m_text += " formats [" + paths + "]";
        }
        for (const Site& site : step.sites)
            m_text += " slot " + pathOf(site.slot) + " (" + name(site.before) + " to " + name(site.after) + ")";
        if (!step.layer.empty())
            m_text += " in " + step.layer;
        if (!step.source.empty())
            m_text += " at " + step.source;
        m_text += "\n";
    }

    const std::string& pathOf(SlotId slot) const { return m_program.slots[static_cast<std::size_t>(slot)].path; }

    const Program& m_program;
    std::map<ValueId, std::size_t> m_numbers;
    std::string m_text;
};

} // namespace

std::string programText(const Program& program) {
    return Writer(program).text();
}

} // namespace fxp::quant
