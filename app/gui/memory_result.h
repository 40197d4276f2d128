#pragma once

#include "model/memory_job.h"

#include <QDialog>

namespace fxp::gui {

/// What an export wrote: the files, what was left out by tensor, and what the user must know.
class MemoryResult : public QDialog {
    Q_OBJECT
  public:
    explicit MemoryResult(const model::MemoryWritten& written, QWidget* parent = nullptr);
};

} // namespace fxp::gui
