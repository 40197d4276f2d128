#pragma once

#include <QObject>

#include <vector>

namespace fxp::views {

/// Which tensors are selected: shared by the tree, the plots and the inspector, so that a click in one shows in all.
class Selection : public QObject {
    Q_OBJECT
  public:
    using QObject::QObject;

    const std::vector<int>& slotList() const { return m_slots; }
    /// The one whose plots are shown; −1 when none is selected.
    int current() const { return m_current; }
    void set(std::vector<int> slotList, int current) {
        if (slotList == m_slots && current == m_current)
            return;
        m_slots = std::move(slotList);
        m_current = current;
        Q_EMIT changed();
    }
    void select(int slot) { set({slot}, slot); }

  Q_SIGNALS:
    void changed();

  private:
    std::vector<int> m_slots;
    int m_current = -1;
};

} // namespace fxp::views
