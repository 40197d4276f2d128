#pragma once

// QCustomPlot's header uses Qt's keywords, of which `slots` is a name elsewhere in this program.
#define slots Q_SLOTS
#define signals Q_SIGNALS
#define foreach Q_FOREACH
#include <qcustomplot.h>
#undef foreach
#undef signals
#undef slots
