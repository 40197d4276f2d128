#include "app/gui/demo.h"

#include "quant/core/error.h"
#include "quant/io/atomic_file.h"

#include <QDir>
#include <QFile>

// Resources of a static library are registered by hand, and from outside any namespace.
static void registerResources() {
    Q_INIT_RESOURCE(resources);
}

namespace fxp::gui {

namespace {

QString unpack(const QString& name, const QString& folder) {
    const QString target = folder + "/" + name;
    QFile source(":/demo/" + name), present(target);
    if (!source.open(QIODevice::ReadOnly))
        throw Error(name.toStdString(), "the demo is missing from the program", "build it again");
    const QByteArray bytes = source.readAll();
    if (present.open(QIODevice::ReadOnly) && present.readAll() == bytes)
        return target;
    quant::writeFileAtomically(target.toStdString(), bytes.toStdString());
    return target;
}

} // namespace

Demo unpackDemo(const QString& folder) {
    registerResources();
    QDir().mkpath(folder);
    return {unpack("digits.pt", folder), unpack("samples.npz", folder), unpack("labels.npz", folder),
            unpack("digits.qconfig.json", folder)};
}

} // namespace fxp::gui
