#include "app/cli/commands.h"

#include "app/cli/text.h"
#include "app/common/idle_threads.h"
#include "quant/core/version.h"
#include "quant/import/file_check.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>

/// Exit status: 0 done, 1 failed (one line on stderr), 2 wrong usage.
int main(int argc, char** argv) {
    if (argc == 3 && std::string_view(argv[1]) == fxp::quant::kFileCheckArgument)
        return fxp::quant::runFileCheck(argv[2]);
    fxp::letIdleThreadsSleep(argv);
    CLI::App app{"fxp: fixed-point formats for neural networks, from the command line"};
    app.require_subcommand(1);
    app.set_version_flag("--version", "fxp " + std::string(fxp::programVersion()));
    fxp::cli::Commands commands(app);
    try {
        app.parse(argc, argv);
        commands.run();
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    } catch (const std::exception& error) {
        std::cerr << "fxp: " << fxp::oneLine(error.what()) << '\n';
        return 1;
    }
    return 0;
}
