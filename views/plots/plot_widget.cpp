#include "views/plots/plot_widget.h"

#include "quant/core/error.h"
#include "quant/io/atomic_file.h"
#include "views/format_actions.h"
#include "views/plots/number_ticker.h"
#include "views/plots/qcp.h"
#include "views/theme.h"

#include <QApplication>
#include <QClipboard>
#include <QFileDialog>
#include <QLabel>
#include <QMenu>
#include <QMessageBox>
#include <QMimeData>
#include <QStackedLayout>
#include <QSvgGenerator>
#include <QToolTip>

namespace fxp::views {

PlotWidget::PlotWidget(const QString& name, QWidget* parent)
    : QWidget(parent), m_name(name), m_plot(new QCustomPlot(this)), m_empty(new QLabel(this)),
      m_copy(new QAction(tr("Copy pict&ure"), this)) {
    auto* stack = new QStackedLayout(this);
    stack->addWidget(m_plot);
    stack->addWidget(m_empty);
    m_empty->setAlignment(Qt::AlignCenter);
    m_empty->setWordWrap(true);
    m_empty->setObjectName("muted");
    m_plot->setInteractions(QCP::iRangeDrag | QCP::iRangeZoom);
    m_plot->axisRect()->setRangeDrag(Qt::Horizontal);
    m_plot->axisRect()->setRangeZoom(Qt::Horizontal);
    for (QCPAxis* axis : {m_plot->xAxis, m_plot->yAxis})
        axis->setTicker(QSharedPointer<QCPAxisTicker>(new NumberTicker<QCPAxisTicker>));
    m_plot->setFocusPolicy(Qt::StrongFocus);
    m_plot->setAccessibleName(tr("Plot: %1").arg(name));
    m_copy->setToolTip(tr("Copy the picture, and its numbers as text"));
    m_copy->setShortcut(QKeySequence::Copy);
    m_copy->setShortcutContext(Qt::WidgetShortcut);
    m_plot->addAction(m_copy);
    m_plot->installEventFilter(this); // it lets no event of the pointer through to its parent
    connect(m_copy, &QAction::triggered, this, &PlotWidget::copy);
    m_plot->axisRect()->setMinimumMargins(QMargins(44, 4, 12, 22));
    connect(m_plot, &QCustomPlot::mouseDoubleClick, this, &PlotWidget::resetAll);
    connect(m_plot, &QCustomPlot::mousePress, this, [this](QMouseEvent* event) { m_pressed = event->pos(); });
    connect(m_plot, &QCustomPlot::mouseRelease, this, [this](QMouseEvent* event) {
        const bool moved = (event->pos() - m_pressed).manhattanLength() > QApplication::startDragDistance();
        if (event->button() == Qt::LeftButton && !moved)
            clicked(m_plot->xAxis->pixelToCoord(event->pos().x()), m_plot->yAxis->pixelToCoord(event->pos().y()));
    });
    connect(m_plot, &QCustomPlot::mouseMove, this, [this](QMouseEvent* event) {
        if (event->buttons() != Qt::NoButton)
            return;
        const QString text =
            m_plot->axisRect()->rect().contains(event->pos())
                ? readout(m_plot->xAxis->pixelToCoord(event->pos().x()), m_plot->yAxis->pixelToCoord(event->pos().y()))
                : QString();
        QToolTip::showText(m_plot->mapToGlobal(event->pos() + QPoint(12, 0)), text, m_plot);
    });
}

QWidget* PlotWidget::canvas() const {
    return m_plot;
}

void PlotWidget::setEmptyText(const QString& text) {
    m_empty->setText(text);
    static_cast<QStackedLayout*>(layout())->setCurrentIndex(text.isEmpty() ? 0 : 1);
}

void PlotWidget::changeEvent(QEvent* event) {
    QWidget::changeEvent(event);
    if (event->type() == QEvent::PaletteChange || event->type() == QEvent::StyleChange)
        applyTheme();
}

void PlotWidget::applyTheme() {
    const Theme theme(palette());
    m_plot->setBackground(theme.background);
    QFont small = font();
    small.setPointSizeF(small.pointSizeF() * 0.88);
    for (QCPAxis* axis : {m_plot->xAxis, m_plot->yAxis}) {
        axis->setBasePen(QPen(theme.grid));
        axis->setTickPen(QPen(theme.grid));
        axis->setSubTickPen(Qt::NoPen);
        axis->setTickLabelColor(theme.muted);
        axis->setTickLabelFont(small);
        axis->setTickLength(0, 3);
        axis->grid()->setPen(QPen(theme.grid, 1, Qt::SolidLine));
        axis->grid()->setZeroLinePen(Qt::NoPen);
    }
    m_plot->xAxis->grid()->setVisible(false);
    m_plot->yAxis->setBasePen(Qt::NoPen);
    restyle(theme);
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

void PlotWidget::setLogarithmic(bool logarithmic) {
    if (logarithmic == m_logarithmic)
        return;
    m_logarithmic = logarithmic;
    m_plot->yAxis->setScaleType(logarithmic ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
    if (logarithmic)
        m_linearTicker = m_plot->yAxis->ticker();
    m_plot->yAxis->setTicker(logarithmic ? QSharedPointer<QCPAxisTicker>(new NumberTicker<QCPAxisTickerLog>)
                                         : m_linearTicker);
    rescaleValues();
    m_plot->replot();
}

void PlotWidget::exportTo(const QString& file) {
    const QString ending = QFileInfo(file).suffix().toLower();
    bool done = false;
    if (ending == "png") {
        done = m_plot->savePng(file, 0, 0, 2.0);
    } else if (ending == "pdf") {
        done = m_plot->savePdf(file);
    } else if (ending == "svg") {
        QSvgGenerator generator;
        generator.setFileName(file);
        generator.setSize(m_plot->size());
        generator.setViewBox(m_plot->rect());
        generator.setTitle(m_name);
        QCPPainter painter;
        done = painter.begin(&generator);
        if (done) {
            painter.setMode(QCPPainter::pmVectorized);
            painter.setMode(QCPPainter::pmNoCaching);
            m_plot->toPainter(&painter, m_plot->width(), m_plot->height());
            done = painter.end();
        }
    } else if (ending == "csv") {
        quant::writeFileAtomically(file.toStdString(), csv().toStdString());
        done = true;
    } else {
        throw Error(file.toStdString(), "the ending names no format of plots", "use .png, .svg, .pdf or .csv");
    }
    if (!done)
        throw Error(file.toStdString(), "cannot be written", "check the folder and its permissions");
}

void PlotWidget::copy() {
    auto* data = new QMimeData;
    data->setImageData(m_plot->toPixmap(0, 0, 2.0).toImage());
    data->setText(csv());
    QApplication::clipboard()->setMimeData(data);
}

void PlotWidget::exportWithDialog(const QString& ending) {
    const QString file = QFileDialog::getSaveFileName(this, tr("Export plot"), m_name + "." + ending,
                                                      ending.toUpper() + " (*." + ending + ")");
    if (file.isEmpty())
        return;
    try {
        exportTo(file);
    } catch (const Error& error) {
        QMessageBox::warning(this, tr("Export plot"), QString::fromUtf8(error.what()));
    }
}

void PlotWidget::resetAll() {
    resetView();
    m_plot->replot();
}

void PlotWidget::zoom(double factor) {
    m_plot->xAxis->scaleRange(factor, m_plot->xAxis->range().center());
    m_plot->replot();
}

void PlotWidget::walk(int steps) {
    const double sign = m_plot->xAxis->rangeReversed() ? -1 : 1;
    m_plot->xAxis->moveRange(sign * steps * m_plot->xAxis->range().size() / 10);
    m_plot->replot();
}

void PlotWidget::keyPressEvent(QKeyEvent* event) {
    switch (event->key()) {
    case Qt::Key_Left: return walk(-1);
    case Qt::Key_Right: return walk(1);
    case Qt::Key_Home: return walkToEnd(false);
    case Qt::Key_End: return walkToEnd(true);
    case Qt::Key_Plus:
    case Qt::Key_Equal: return zoom(0.8);
    case Qt::Key_Minus: return zoom(1.25);
    case Qt::Key_0: return resetAll();
    case Qt::Key_L: return setLogarithmic(!m_logarithmic);
    default: QWidget::keyPressEvent(event);
    }
}

bool PlotWidget::eventFilter(QObject* watched, QEvent* event) {
    if (watched != m_plot || event->type() != QEvent::ContextMenu)
        return QWidget::eventFilter(watched, event);
    const auto* asked = static_cast<QContextMenuEvent*>(event);
    if (asked->reason() == QContextMenuEvent::Mouse)
        menuAsked(m_plot->xAxis->pixelToCoord(asked->pos().x()));
    showMenu(asked->globalPos());
    event->accept();
    return true;
}

void PlotWidget::showMenu(const QPoint& at) {
    QMenu* menu = contextMenu(this);
    if (m_actions) {
        m_actions->addTo(*menu);
        menu->addSeparator();
    }
    menu->addAction(tr("Reset &view") + "\t0", this, &PlotWidget::resetAll)->setToolTip(tr("The whole data in view"));
    QAction* logarithmic =
        menu->addAction(tr("Lo&garithmic axis") + "\tL", this, [this] { setLogarithmic(!m_logarithmic); });
    logarithmic->setCheckable(true);
    logarithmic->setChecked(m_logarithmic);
    logarithmic->setToolTip(tr("Small counts seen beside large ones"));
    menu->addSeparator();
    menu->addAction(m_copy);
    QMenu* exports = menu->addMenu(tr("&Export"));
    for (const QString ending : {"png", "svg", "pdf", "csv"})
        exports->addAction(tr("%1…").arg(ending.toUpper()), this, [this, ending] { exportWithDialog(ending); })
            ->setToolTip(tr("Write the plot into a file"));
    menu->popup(at);
}

} // namespace fxp::views
