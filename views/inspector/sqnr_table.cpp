#include "views/inspector/sqnr_table.h"

#include "views/format_actions.h"
#include "views/format_edit.h"
#include "views/stale_text.h"
#include "views/theme.h"

#include <QAction>
#include <QClipboard>
#include <QGuiApplication>
#include <QHelpEvent>
#include <QMenu>
#include <QMouseEvent>
#include <QPainter>
#include <QToolTip>

#include <algorithm>
#include <cmath>

namespace fxp::views {

namespace {

constexpr int kMargin = 16, kHeading = 34, kColumnHeads = 20, kRowHeads = 56, kRowHeight = 24, kRows = 5, kColumns = 5;
/// Asking waits until a drag pauses: the table costs 25 passes over the tensor.
constexpr int kDelayMs = 120;

QString feedbackTip() {
    return SqnrTable::tr(
        "A recurrent step reads its own earlier values. The other cells are of the last run's values and "
        "leave that feedback out: a run with their format differs.");
}

} // namespace

SqnrTable::SqnrTable(model::Document& document, Selection& selection, QWidget* parent)
    : QWidget(parent), m_document(document), m_selection(selection),
      m_actions(new FormatActions(document, selection, this)), m_copy(new QAction(tr("Copy &table as text"), this)) {
    m_delay.setSingleShot(true);
    m_delay.setInterval(kDelayMs);
    setAccessibleName(tr("SQNR by format"));
    setFocusPolicy(Qt::StrongFocus);
    m_copy->setToolTip(tr("All its cells, apart by tabs"));
    m_copy->setShortcut(QKeySequence::Copy);
    m_copy->setShortcutContext(Qt::WidgetShortcut);
    connect(m_copy, &QAction::triggered, this, &SqnrTable::copyTable);
    addAction(m_copy);
    connect(&m_delay, &QTimer::timeout, this, &SqnrTable::ask);
    const auto later = [this] {
        m_current = false;
        m_delay.start();
        update();
    };
    connect(&selection, &Selection::changed, this, later);
    for (const auto signal : {&model::Document::modelChanged, &model::Document::formatsChanged,
                              &model::Document::resultChanged, &model::Document::samplesChanged})
        connect(&document, signal, this, later);
    connect(&document, &model::Document::tableReady, this, [this](int slot, const std::vector<double>& sqnr) {
        if (slot != m_slot || sqnr.size() != m_totals.size() * m_integers.size())
            return;
        m_sqnr = sqnr;
        m_current = true;
        update();
    });
}

void SqnrTable::ask() {
    const int slot = m_selection.current();
    const auto result = m_document.slotResult(slot);
    if (!result) {
        m_slot = -1;
        m_sqnr.clear();
        update();
        return;
    }
    const quant::QType& format = m_document.format(slot);
    const int total = format.totalBits.value_or(8);
    int integer = 1;
    if (format.hasPoint())
        integer = format.integerBits();
    else if (std::isfinite(result->figures.min) && std::isfinite(result->figures.max))
        integer = quant::integerBits(result->figures.range(), {total, std::nullopt, {}, {}}, "");
    std::vector<int> totals, integers;
    const int first = std::clamp(total - 4, quant::kMinTotalBits, quant::kMaxTotalBits - 2 * (kRows - 1));
    for (int i = 0; i < kRows; ++i)
        totals.push_back(first + 2 * i);
    for (int i = 0; i < kColumns; ++i)
        integers.push_back(integer + 2 - i);
    if (slot != m_slot || totals != m_totals || integers != m_integers)
        m_sqnr.clear();
    m_slot = slot;
    m_fedBack = m_document.model()->fedBack[static_cast<std::size_t>(slot)];
    setAccessibleDescription(m_fedBack ? feedbackTip() : QString());
    m_totals = totals;
    m_integers = integers;
    m_document.requestTable(slot, totals, integers);
    update();
}

QSize SqnrTable::sizeHint() const {
    return {320, kHeading + kColumnHeads + kRows * kRowHeight + 12};
}

QRect SqnrTable::rect(std::size_t row, std::size_t column) const {
    const int left = kMargin + kRowHeads;
    const int cell = (width() - left - kMargin) / kColumns;
    return {left + static_cast<int>(column) * cell, kHeading + kColumnHeads + static_cast<int>(row) * kRowHeight,
            cell - 2, kRowHeight - 2};
}

QRect SqnrTable::cellOf(int totalBits, int integerBits) const {
    const auto row = std::ranges::find(m_totals, totalBits);
    const auto column = std::ranges::find(m_integers, integerBits);
    if (row == m_totals.end() || column == m_integers.end())
        return {};
    return rect(static_cast<std::size_t>(row - m_totals.begin()),
                static_cast<std::size_t>(column - m_integers.begin()));
}

std::optional<SqnrTable::Cell> SqnrTable::cellAt(const QPoint& position) const {
    for (std::size_t row = 0; row < m_totals.size(); ++row) {
        for (std::size_t column = 0; column < m_integers.size(); ++column) {
            if (rect(row, column).contains(position))
                return Cell{m_totals[row], m_integers[column]};
        }
    }
    return std::nullopt;
}

void SqnrTable::paintEvent(QPaintEvent*) {
    const Theme theme(palette());
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    QFont bold = font();
    bold.setWeight(QFont::DemiBold);
    painter.setFont(bold);
    painter.setPen(theme.text);
    const QRect head(kMargin, 8, width() - 2 * kMargin, kHeading - 10);
    painter.drawText(head, Qt::AlignLeft | Qt::AlignVCenter, tr("SQNR by format"));
    QFont small = font();
    small.setPointSizeF(small.pointSizeF() * 0.92);
    painter.setFont(small);
    painter.setPen(theme.muted);
    if (m_slot < 0 || m_slot != m_selection.current()) {
        painter.drawText(head, Qt::AlignRight | Qt::AlignVCenter,
                         m_selection.current() < 0 ? tr("select a tensor") : tr("comes with the first figures"));
        return;
    }
    const bool past = !m_document.isCatchingUp() && m_document.isInputStale(m_slot);
    const bool current = m_current && !past;
    painter.drawText(head, Qt::AlignRight | Qt::AlignVCenter,
                     past        ? staleText(m_document)
                     : m_fedBack ? tr("dB, feedback left out")
                                 : tr("dB, click or Enter takes it"));
    for (std::size_t column = 0; column < m_integers.size(); ++column)
        painter.drawText(rect(0, column).translated(0, -kColumnHeads), Qt::AlignCenter,
                         tr("I %1").arg(m_integers[column]));
    const quant::QType& format = m_document.format(m_slot);
    for (std::size_t row = 0; row < m_totals.size(); ++row) {
        painter.setPen(theme.muted);
        painter.drawText(QRect(kMargin, rect(row, 0).top(), kRowHeads, kRowHeight - 2), Qt::AlignVCenter,
                         tr("%1 bits").arg(m_totals[row]));
        for (std::size_t column = 0; column < m_integers.size(); ++column) {
            const QRect cell = rect(row, column);
            const bool known = !m_sqnr.empty();
            const double value = known ? m_sqnr[row * m_integers.size() + column] : 0;
            QColor fill = current ? theme.accent : theme.lost;
            const double strength = std::isfinite(value) ? std::clamp(value / 70, 0.0, 1.0) : value > 0 ? 1.0 : 0.0;
            fill.setAlphaF(static_cast<float>(0.10 + 0.55 * strength));
            painter.setPen(Qt::NoPen);
            painter.setBrush(fill);
            painter.drawRoundedRect(cell, 3, 3);
            painter.setPen(current ? theme.text : theme.muted);
            if (known)
                painter.drawText(cell, Qt::AlignCenter,
                                 std::isfinite(value) ? QString::number(std::lround(value))
                                 : value > 0          ? "∞"
                                                      : "–");
            const bool own =
                format.hasPoint() && *format.totalBits == m_totals[row] && format.integerBits() == m_integers[column];
            if (own) {
                painter.setPen(QPen(theme.text, 1.6));
                painter.setBrush(Qt::NoBrush);
                painter.drawRoundedRect(QRectF(cell).adjusted(0.8, 0.8, -0.8, -0.8), 3, 3);
            }
            if (hasFocus() && cursor() == Cell{m_totals[row], m_integers[column]}) {
                painter.setPen(QPen(theme.accent, 2));
                painter.setBrush(Qt::NoBrush);
                painter.drawRoundedRect(QRectF(cell).adjusted(-1, -1, 1, 1), 4, 4);
            }
        }
    }
}

void SqnrTable::mousePressEvent(QMouseEvent* event) {
    const auto cell = cellAt(event->pos());
    if (!cell || m_slot != m_selection.current())
        return;
    m_cursor = cell;
    if (event->button() == Qt::LeftButton)
        take(*cell);
}

void SqnrTable::take(const Cell& cell) {
    editFormats(
        m_document, m_selection.slotList(), tr("Take %1 bits, %2 integer").arg(cell.totalBits).arg(cell.integerBits),
        [&](quant::QType& format) { format = format.withPoint(cell.totalBits, cell.totalBits - cell.integerBits); });
}

SqnrTable::Cell SqnrTable::cursor() const {
    if (m_cursor && std::ranges::count(m_totals, m_cursor->totalBits) > 0 &&
        std::ranges::count(m_integers, m_cursor->integerBits) > 0)
        return *m_cursor;
    const quant::QType& format = m_document.format(m_slot);
    if (format.hasPoint() && !cellOf(*format.totalBits, format.integerBits()).isEmpty())
        return {*format.totalBits, format.integerBits()};
    return {m_totals[kRows / 2], m_integers[kColumns / 2]};
}

void SqnrTable::moveCursor(int rows, int columns) {
    const Cell from = cursor();
    const auto moved = [](const std::vector<int>& heads, int from, int steps) {
        const auto at = std::ranges::find(heads, from) - heads.begin();
        return heads[static_cast<std::size_t>(
            std::clamp<std::ptrdiff_t>(at + steps, 0, static_cast<std::ptrdiff_t>(heads.size()) - 1))];
    };
    m_cursor = Cell{moved(m_totals, from.totalBits, rows), moved(m_integers, from.integerBits, columns)};
    update();
}

void SqnrTable::keyPressEvent(QKeyEvent* event) {
    if (m_slot < 0 || m_slot != m_selection.current() || m_totals.empty()) {
        QWidget::keyPressEvent(event);
        return;
    }
    switch (event->key()) {
    case Qt::Key_Up: return moveCursor(-1, 0);
    case Qt::Key_Down: return moveCursor(1, 0);
    case Qt::Key_Left: return moveCursor(0, -1);
    case Qt::Key_Right: return moveCursor(0, 1);
    case Qt::Key_Home: return moveCursor(0, -kColumns);
    case Qt::Key_End: return moveCursor(0, kColumns);
    case Qt::Key_PageUp: return moveCursor(-kRows, 0);
    case Qt::Key_PageDown: return moveCursor(kRows, 0);
    case Qt::Key_Return:
    case Qt::Key_Enter:
    case Qt::Key_Space: return take(cursor());
    default: QWidget::keyPressEvent(event);
    }
}

void SqnrTable::focusInEvent(QFocusEvent* event) {
    if (event->reason() != Qt::MouseFocusReason && event->reason() != Qt::PopupFocusReason)
        m_cursor.reset(); // begins at the format's own cell
    QWidget::focusInEvent(event);
}

void SqnrTable::copyTable() const {
    if (m_sqnr.empty())
        return;
    QStringList lines, cells{tr("bits")};
    for (const int integer : m_integers)
        cells << tr("I %1").arg(integer);
    lines << cells.join('\t');
    for (std::size_t row = 0; row < m_totals.size(); ++row) {
        cells = {QString::number(m_totals[row])};
        for (std::size_t column = 0; column < m_integers.size(); ++column)
            cells << QString::number(m_sqnr[row * m_integers.size() + column], 'f', 2);
        lines << cells.join('\t');
    }
    QGuiApplication::clipboard()->setText(lines.join('\n'));
}

void SqnrTable::contextMenuEvent(QContextMenuEvent* event) {
    if (m_slot < 0 || m_slot != m_selection.current() || m_totals.empty())
        return;
    const bool byKey = event->reason() != QContextMenuEvent::Mouse;
    const auto cell = byKey ? std::optional(cursor()) : cellAt(event->pos());
    QMenu* menu = contextMenu(this);
    if (cell) {
        menu->addAction(tr("&Take %1 bits, %2 integer").arg(cell->totalBits).arg(cell->integerBits), this,
                        [this, cell] { take(*cell); })
            ->setToolTip(tr("Give it to all selected tensors, in one undo step"));
        menu->addSeparator();
    }
    m_actions->addTo(*menu);
    menu->addSeparator();
    menu->addAction(m_copy);
    menu->popup(byKey ? mapToGlobal(cellOf(cell->totalBits, cell->integerBits).center()) : event->globalPos());
}

bool SqnrTable::event(QEvent* event) {
    if (event->type() == QEvent::ToolTip) {
        auto* help = static_cast<QHelpEvent*>(event);
        const auto cell = cellAt(help->pos());
        QToolTip::showText(help->globalPos(),
                           cell ? tr("%1 bits: s%2.%3")
                                      .arg(cell->totalBits)
                                      .arg(cell->integerBits - 1)
                                      .arg(cell->totalBits - cell->integerBits)
                           : m_fedBack && m_slot == m_selection.current() ? feedbackTip()
                                                                          : QString(),
                           this);
        return true;
    }
    return QWidget::event(event);
}

} // namespace fxp::views
