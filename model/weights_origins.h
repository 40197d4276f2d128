#pragma once

#include "model/workspace.h"

#include <QString>

#include <memory>
#include <utility>
#include <vector>

namespace fxp::model {

/// Where sets of weights came from and which file holds them. Undo brings earlier sets back, so each is known for as
/// long as anything holds it.
class WeightsOrigins {
  public:
    struct Origin {
        QString file;       ///< holds exactly these weights; empty: none does
        bool tuned = false; ///< fine-tuning made them
    };

    void note(const ArraysPointer& weights, const Origin& origin) {
        if (!weights)
            return;
        std::erase_if(m_known,
                      [&](const Known& known) { return known.first.expired() || known.first.lock() == weights; });
        m_known.emplace_back(weights, origin);
    }
    /// Of the model's own weights (null) and of unknown ones: no file, not tuned.
    Origin of(const ArraysPointer& weights) const {
        for (const auto& [known, origin] : m_known) {
            if (weights && known.lock() == weights)
                return origin;
        }
        return {};
    }

  private:
    using Known = std::pair<std::weak_ptr<const quant::NamedArrays>, Origin>;
    std::vector<Known> m_known;
};

} // namespace fxp::model
