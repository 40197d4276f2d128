#include "quant/import/file_check.h"

#include "quant/core/error.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <string_view>
#include <system_error>
#include <thread>

extern char** environ;

namespace fxp::quant {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxAnswer = 1 << 16; // bytes
constexpr int kBetweenStops = 20;           // milliseconds

/// What tells a file from another one, or from a later state of itself.
using FileState = std::array<std::int64_t, 7>;

FileState stateOf(const std::string& file) {
    struct stat now {};
    if (::stat(file.c_str(), &now) != 0)
        throw Error(file, "cannot be read: " + std::generic_category().message(errno), "check the path");
    return {static_cast<std::int64_t>(now.st_dev),
            static_cast<std::int64_t>(now.st_ino),
            now.st_size,
            now.st_mtim.tv_sec,
            now.st_mtim.tv_nsec,
            now.st_ctim.tv_sec,
            now.st_ctim.tv_nsec};
}

/// A file without a name that has these bytes, at its beginning. Throws Error at `file` where there is no memory.
class HeldBytes {
  public:
    HeldBytes(std::string_view bytes, const std::string& file) : m_file(::memfd_create("arguments", MFD_CLOEXEC)) {
        while (m_file >= 0 && !bytes.empty()) {
            const ssize_t done = ::write(m_file, bytes.data(), bytes.size());
            if (done <= 0 && errno != EINTR)
                break;
            bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(done, 0)));
        }
        if (m_file < 0 || !bytes.empty() || ::lseek(m_file, 0, SEEK_SET) != 0) {
            const int code = errno;
            if (m_file >= 0)
                ::close(m_file);
            throw Error(file, "cannot be checked in a process of its own: " + std::generic_category().message(code),
                        "free some memory");
        }
    }
    ~HeldBytes() { ::close(m_file); }
    HeldBytes(const HeldBytes&) = delete;
    HeldBytes& operator=(const HeldBytes&) = delete;

    int descriptor() const { return m_file; }

  private:
    int m_file;
};

/// A process that was started, and what it writes. It does not outlive this object.
class Child {
  public:
    Child(std::vector<std::string> command, const std::string& file, int input) {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0)
            fail(file, errno);
        m_answer = ends[0];
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
#ifdef __GLIBC__
        posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
#endif
        command.push_back(file);
        std::vector<char*> arguments;
        for (std::string& argument : command)
            arguments.push_back(argument.data());
        arguments.push_back(nullptr);
        const int code = ::posix_spawn(&m_process, arguments[0], &actions, nullptr, arguments.data(), environ);
        posix_spawn_file_actions_destroy(&actions);
        ::close(ends[1]);
        if (code != 0) {
            ::close(m_answer);
            fail(file, code);
        }
    }
    ~Child() {
        ::close(m_answer);
        if (m_process > 0) {
            ::kill(m_process, SIGKILL);
            while (::waitpid(m_process, nullptr, 0) < 0 && errno == EINTR) {
            }
        }
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    /// Adds what was written to `answer`; false at its end. Returns after some milliseconds at the latest.
    bool read(std::string& answer) const {
        pollfd events{m_answer, POLLIN, 0};
        if (::poll(&events, 1, kBetweenStops) <= 0)
            return true;
        std::array<char, 4096> piece{};
        const ssize_t got = ::read(m_answer, piece.data(), piece.size());
        if (got < 0)
            return errno == EINTR;
        answer.append(piece.data(), static_cast<std::size_t>(got));
        return got > 0 && answer.size() < kMaxAnswer;
    }

    /// Whether it has ended, and then its status. Returns after some milliseconds at the latest.
    bool hasEnded(int& status) {
        if (::waitpid(m_process, &status, WNOHANG) == 0) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            return false;
        }
        m_process = -1;
        return true;
    }

  private:
    [[noreturn]] static void fail(const std::string& file, int code) {
        throw Error(file, "cannot be checked in a process of its own: " + std::generic_category().message(code),
                    "free some memory");
    }

    pid_t m_process = -1;
    int m_answer = -1;
};

/// The time that a check may take, and may be given.
class Deadline {
  public:
    Deadline(const CheckProgram& program, const std::string& file)
        : m_program(program), m_file(file), m_end(Clock::now() + std::chrono::seconds(program.seconds)) {}
    ~Deadline() {
        if (m_isAsking)
            m_program.whenLate(m_file, true);
    }
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;

    bool isOver() {
        if (Clock::now() <= m_end)
            return false;
        if (!m_program.whenLate)
            return true;
        const Patience patience = m_program.whenLate(m_file, false);
        m_isAsking = patience == Patience::Undecided;
        if (patience == Patience::More)
            m_end = Clock::now() + std::chrono::seconds(m_program.seconds);
        return patience == Patience::Over;
    }

  private:
    const CheckProgram& m_program;
    const std::string& m_file;
    Clock::time_point m_end;
    bool m_isAsking = false;
};

void checkNow(const CheckProgram& program, const std::string& file, const StopRequest& stop,
              const std::string& arguments) {
    stopHere(stop);
    const bool runs = !arguments.empty();
    const HeldBytes input(arguments, file);
    Child child(program.command, file, input.descriptor());
    Deadline deadline(program, file);
    const auto goOn = [&] {
        stopHere(stop);
        if (deadline.isOver())
            throw Error(file,
                        (runs ? "reading it and running it once took more than " : "reading it took more than ") +
                            std::to_string(program.seconds) + " s",
                        "it may be damaged; if it is only large, give it more time with --load-timeout");
    };
    std::string answer;
    int status = 0;
    while (child.read(answer))
        goOn();
    while (answer.size() < kMaxAnswer && !child.hasEnded(status)) // else it writes on and on, and does not end
        goOn();
    if (WIFSIGNALED(status) && runs)
        throw Error(file, "an operator of this model crashed (signal " + std::to_string(WTERMSIG(status)) + ")",
                    "give inputs of the shapes and values that the model takes, or export it anew");
    if (WIFSIGNALED(status))
        throw Error(file, "LibTorch's loader crashed on this file (signal " + std::to_string(WTERMSIG(status)) + ")",
                    "it is damaged: give one that torch.jit.save wrote and that is complete");
    if (answer == "ok" && WEXITSTATUS(status) == 0)
        return;
    // An Error's three parts, each ended by a zero.
    std::istringstream parts(answer);
    std::string where, problem, hint;
    if (!std::getline(parts, where, '\0') || !std::getline(parts, problem, '\0') || !std::getline(parts, hint, '\0'))
        throw Error(file, "could not be checked: the process that read it ended without an answer",
                    "it may be damaged: give one that torch.jit.save wrote and that is complete");
    throw Error(where, problem, hint);
}

} // namespace

FileCheck checkInChild(CheckProgram program) {
    struct Passed {
        std::mutex mutex;
        std::set<std::pair<FileState, std::size_t>> files; // with the arguments' hash
    };
    return FileCheck([program = std::move(program), passed = std::make_shared<Passed>()](
                         const std::string& file, const StopRequest& stop, const std::string& arguments) {
        const std::pair state(stateOf(file), std::hash<std::string>()(arguments));
        {
            const std::lock_guard lock(passed->mutex);
            if (passed->files.contains(state))
                return;
        }
        checkNow(program, file, stop, arguments);
        const std::lock_guard lock(passed->mutex);
        passed->files.insert(state);
    });
}

} // namespace fxp::quant
