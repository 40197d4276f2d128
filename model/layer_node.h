#pragma once

#include "model/document.h"
#include "model/tree_model.h"

#include <QString>

#include <array>
#include <limits>

namespace fxp::model {

/// A module, layer or tensor, as the layer tree shows it.
class LayerNode : public TreeNode<LayerNode> {
  public:
    static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    enum Figure { Bits, Overflow, Sqnr, VersusFloat, Zero, FigureCount };

    QString name, path;
    QString type;  ///< of a layer; empty for other modules and for tensors
    int slot = -1; ///< of a tensor
    /// Of a branch the worst of what is below it; NaN where there is none.
    std::array<double, FigureCount> figures = filled();
    bool stale = false; ///< the figures, or one below, are of other formats than those shown

    /// Takes figures and staleness from the document, for all that is below as well.
    void update(const Document& document);

  private:
    static constexpr std::array<double, FigureCount> filled() {
        std::array<double, FigureCount> none{};
        none.fill(kNone);
        return none;
    }
};

/// The document's modules, layers and tensors, with their figures. A chain of modules with one child each is one node:
/// `encoder.layers`.
std::unique_ptr<LayerNode> layerTree(const Document& document);

} // namespace fxp::model
