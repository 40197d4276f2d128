#pragma once

#include "quant/ops/builder.h"

#include <string>
#include <vector>

namespace fxp::quant {

class Slot;

/// The base of every layer. It has a type and a path, and slots and nested layers, which register themselves in the
/// order of the JSON. Quantizing, calibration, log, JSON and the tree all follow from that declaration.
class Layer {
  public:
    virtual ~Layer() = default;
    Layer(const Layer&) = delete;
    Layer& operator=(const Layer&) = delete;

    const std::string& type() const { return m_type; }
    const std::string& path() const { return m_path; }
    /// The prefix of its keys in the activation log, and FxPyTorch's name of its class there.
    const std::string& logScope() const { return m_logScope; }
    std::string logType() const;
    LayerSpec spec() const;

    /// Declares the layer as a part of the program. For outermost layers only.
    void declare(Builder& run) const { run.declare(spec()); }
    /// Names a value in the activation log, under the layer's own scope.
    void log(Builder& run, const std::string& name, Value value, const LogView& view = {}) const;

  protected:
    /// An outermost layer at a module path.
    Layer(std::string type, std::string path);
    /// A nested layer; `logName` is its part of the log's keys where FxPyTorch gives it another one.
    Layer(Layer& parent, std::string type, const std::string& name, const std::string& logName = {});

    /// Steps recorded while this object exists belong to the layer; after that, to the enclosing layer again.
    class Scope {
      public:
        Scope(const Layer& layer, Builder& run);
        ~Scope();
        Scope(const Scope&) = delete;
        Scope& operator=(const Scope&) = delete;

      private:
        const Layer& m_layer;
        Builder& m_run;
    };

    /// Quantizes, and logs the value before (as `name`) and after (as `quantName`).
    Value quantizeLogged(Builder& run, const Slot& slot, Value value, const std::string& name,
                         const std::string& quantName);
    Value quantizeLogged(Builder& run, const Slot& slot, Value value);
    /// Marks a nested layer that FxPyTorch's class has no member for: it is written under "extensions".
    void markExtension(const Layer& nested);

  private:
    friend class Slot;
    struct Member {
        const Slot* slot = nullptr;
        const Layer* layer = nullptr;
        bool extension = false;
    };

    std::string m_type, m_path, m_name, m_logScope;
    std::string m_parentPath; ///< empty for an outermost layer
    std::vector<Member> m_members;
};

/// A named tensor of a layer with a format of its own.
class Slot {
  public:
    Slot(Layer& layer, std::string name, Role role = Role::Activation);
    /// A tensor that FxPyTorch's class has no member for.
    struct Extension {
        Role role = Role::Activation;
    };
    Slot(Layer& layer, std::string name, Extension);
    /// An accumulator of the layer: the sum stays exact as long as it has no format. FxPyTorch has none, so that it is
    /// an extension too.
    struct Accumulator {};
    Slot(Layer& layer, std::string name, Accumulator);
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;

    const std::string& name() const { return m_name; }
    Role role() const { return m_role; }
    bool isOptional() const { return m_optional; }
    const Layer& layer() const { return m_layer; }
    std::string path() const { return joinPath(m_layer.path(), m_name); }
    /// The slot's declaration as plain data.
    SlotInfo info() const;
    /// Marks the slot as one whose values the model divides by.
    void setDivisor() { m_divisor = true; }

  private:
    const Layer& m_layer;
    std::string m_name;
    Role m_role;
    bool m_optional = false, m_divisor = false;
};

} // namespace fxp::quant
