#pragma once

#include "model/failure.h"
#include "model/workspace.h"

#include <QString>

#include <functional>
#include <optional>

namespace fxp::model {

/// How a running job is observed and stopped: what a session's operations need, and a function that shows the user a
/// new title.
struct JobControl : quant::RunControl {
    std::function<void(const QString&)> retitle;
};

/// Something that takes time. `work` runs on the queue's thread and returns the answer, or nothing when it was stopped;
/// an exception makes the job fail. Exactly one of the handlers is then called, on the document's thread; handlers may
/// be empty.
template <class Answer> struct Job {
    QString title;
    std::function<std::optional<Answer>(const Target&, const JobControl&)> work;
    std::function<void(const Answer&)> done;
    std::function<void(const Failure&)> failed;
    std::function<void()> cancelled;
    std::function<void(const quant::RunSnapshot&)> published; ///< figures so far, before the answer
    bool background = false; ///< starts by itself, as runs after edits do, and not because the user asked for it
};

/// The answer of a job without a result.
struct Nothing {};

} // namespace fxp::model
