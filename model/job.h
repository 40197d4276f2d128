#pragma once

#include "model/failure.h"
#include "model/workspace.h"

#include <QString>

#include <functional>
#include <optional>

namespace fxp::model {

/// How a job is watched and ended while it works: what a session's operations take, and a new title for the user.
struct JobControl : quant::RunControl {
    std::function<void(const QString&)> retitle;
};

/// Something that takes time. `work` is done on the queue's thread and gives the answer, or nothing when it was asked
/// to stop; what it throws is a failure. Exactly one of the handlers is then called, on the document's thread; those
/// that have nothing to do may be empty.
template <class Answer> struct Job {
    QString title;
    std::function<std::optional<Answer>(const Target&, const JobControl&)> work;
    std::function<void(const Answer&)> done;
    std::function<void(const Failure&)> failed;
    std::function<void()> cancelled;
    std::function<void(const quant::RunSnapshot&)> published; ///< figures so far, before the answer
    bool background = false; ///< comes and goes by itself, as runs do: nobody waits for it by name
};

/// The answer of a job that has none.
struct Nothing {};

} // namespace fxp::model
