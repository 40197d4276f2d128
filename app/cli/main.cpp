#include "app/cli/commands.h"

#include "quant/core/error.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <exception>
#include <iostream>

/// Exit status: 0 done, 1 failed (one line on stderr), 2 wrong usage.
int main(int argc, char** argv) {
    CLI::App app{"fxp: fixed-point formats for neural networks, from the command line"};
    app.require_subcommand(1);
    app.set_version_flag("--version", std::string("fxp " FXP_VERSION));
    fxp::cli::Commands commands(app);
    try {
        app.parse(argc, argv);
        commands.run();
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    } catch (const std::exception& error) {
        std::string line = error.what();
        std::replace(line.begin(), line.end(), '\n', ' ');
        std::cerr << "fxp: " << line << '\n';
        return 1;
    }
    return 0;
}
