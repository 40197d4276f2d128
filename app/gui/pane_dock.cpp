#include "app/gui/pane_dock.h"

#include <QAction>
#include <QHBoxLayout>
#include <QToolButton>

namespace fxp::gui {

PaneDock::PaneDock(const QString& name, const QString& title, QWidget* pane, QWidget* heading) : QDockWidget(title) {
    setObjectName(name);
    setWidget(pane);
    auto* close = new QToolButton;
    close->setObjectName("closePane");
    close->setText(QStringLiteral("×"));
    close->setAutoRaise(true);
    close->setToolTip(tr("Hide this pane; View brings it back"));
    close->setAccessibleName(tr("Hide %1").arg(title));
    connect(close, &QToolButton::clicked, this, &QWidget::hide);
    auto* bar = new QWidget;
    bar->setObjectName("paneTitle");
    bar->setAttribute(Qt::WA_StyledBackground);
    auto* layout = new QHBoxLayout(bar);
    layout->setContentsMargins(0, 0, 4, 0);
    layout->setSpacing(0);
    layout->addWidget(heading, 1);
    layout->addWidget(close);
    setTitleBarWidget(bar);
    toggleViewAction()->setText(title);
}

} // namespace fxp::gui
