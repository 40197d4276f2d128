#pragma once

class QAbstractItemView;

namespace fxp::views {

/// Ctrl+C in the view copies the selected rows as text: cells apart by tabs, as they are shown, in the order on the
/// screen.
void copyRowsByKey(QAbstractItemView* view);

/// Copies them now.
void copyRows(const QAbstractItemView& view);

} // namespace fxp::views
