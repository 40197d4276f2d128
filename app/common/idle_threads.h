#pragma once

namespace fxp {

/// Makes the worker threads of OpenMP and OpenBLAS sleep while they wait. By default they spin, and on a machine with
/// other load that takes most of the time. The libraries read it from the environment when they are loaded, so the
/// program starts itself anew once, with the variables set; what the user has set stays. Call it first in main().
void letIdleThreadsSleep(char** argv);

} // namespace fxp
