#include "model/failure.h"

#include "model/input_plan.h"
#include "model/one_line.h"
#include "quant/core/error.h"

#include <QCoreApplication>

#include <new>
#include <string>

namespace fxp::model {

namespace {

QString oneLine(const std::string& text) {
    return model::oneLine(QString::fromStdString(text));
}

} // namespace

Failure currentFailure() {
    const auto tr = [](const char* text) { return QCoreApplication::translate("Failure", text); };
    try {
        throw;
    } catch (const Error& error) {
        return {oneLine(error.where), oneLine(error.problem), oneLine(error.hint),
                dynamic_cast<const Incomplete*>(&error) != nullptr};
    } catch (const std::bad_alloc&) {
        return {{}, tr("there is not enough memory"), tr("use fewer samples, or a lower memory setting"), false};
    } catch (const std::exception& error) {
        // LibTorch appends a stack trace of many lines.
        return {{}, model::oneLine(QString::fromUtf8(error.what()).section('\n', 0, 0)), {}, false};
    } catch (...) {
        return {{}, tr("something went wrong that gave no reason"), {}, false};
    }
}

} // namespace fxp::model
