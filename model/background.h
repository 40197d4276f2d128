#pragma once

#include "model/failure.h"

#include <QCoreApplication>
#include <QPointer>
#include <QThreadPool>

#include <functional>
#include <memory>
#include <utility>

namespace fxp::model {

/// Does work on another thread that needs no session, such as hashing files, and hands over on the application's thread
/// what it gave, or why it threw; neither once `context` is gone. Call it on the application's thread.
template <class Answer> void inBackground(QObject* context, std::function<Answer()> work,
                                          std::function<void(const Answer&)> done,
                                          std::function<void(const Failure&)> failed = {}) {
    QThreadPool::globalInstance()->start([context = QPointer<QObject>(context), work = std::move(work),
                                          done = std::move(done), failed = std::move(failed)] {
        const auto post = [&context](std::function<void()> message) {
            QMetaObject::invokeMethod(QCoreApplication::instance(), [context, message = std::move(message)] {
                if (context)
                    message();
            });
        };
        try {
            post([done, answer = std::make_shared<const Answer>(work())] { done(*answer); });
        } catch (...) {
            if (failed)
                post([failed, failure = currentFailure()] { failed(failure); });
        }
    });
}

} // namespace fxp::model
