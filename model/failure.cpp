#include "model/failure.h"

#include "model/input_plan.h"
#include "quant/core/error.h"

#include <QCoreApplication>

#include <new>

namespace fxp::model {

Failure currentFailure() {
    const auto tr = [](const char* text) { return QCoreApplication::translate("Failure", text); };
    try {
        throw;
    } catch (const Error& error) {
        return {QString::fromStdString(error.where), QString::fromStdString(error.problem),
                QString::fromStdString(error.hint), dynamic_cast<const Incomplete*>(&error) != nullptr};
    } catch (const std::bad_alloc&) {
        return {{}, tr("there is not enough memory"), tr("use fewer samples, or a lower memory setting"), false};
    } catch (const std::exception& error) {
        // LibTorch appends a stack trace of many lines.
        return {{}, QString::fromUtf8(error.what()).section('\n', 0, 0), {}, false};
    } catch (...) {
        return {{}, tr("something went wrong that gave no reason"), {}, false};
    }
}

} // namespace fxp::model
