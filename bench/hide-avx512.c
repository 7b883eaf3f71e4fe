/*
 * Preloaded, it hides AVX-512 from a program and from all that it starts: Linux traps the instruction CPUID, which is
 * answered without the bits of AVX-512, AVX-VNNI, AVX-IFMA, AVX10 and AMX. Where that has worked, AVX512_HIDDEN is set.
 * What the C library has chosen before, such as how it copies memory, stays.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ARCH_SET_CPUID 0x1012
#define BIT(position) (1u << (position))

typedef int Sigaction(int, const struct sigaction *, struct sigaction *);

static Sigaction *system_sigaction;
/* What the program itself does on a segmentation fault, which a trapped CPUID comes as. */
static struct sigaction others;

static long trap_cpuid(int trapped) { return syscall(SYS_arch_prctl, ARCH_SET_CPUID, !trapped); }

static void answer_cpuid(greg_t *registers) {
  unsigned leaf = registers[REG_RAX], part = registers[REG_RCX], a, b, c, d;
  trap_cpuid(0);
  __cpuid_count(leaf, part, a, b, c, d);
  trap_cpuid(1);
  if (leaf == 7 && part == 0) {
    b &= ~(BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31));
    c &= ~(BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14));
    d &= ~(BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25));
  }
  if (leaf == 7 && part == 1) {
    a &= ~(BIT(4) | BIT(5) | BIT(21) | BIT(23));
    d &= ~(BIT(4) | BIT(5) | BIT(8) | BIT(10) | BIT(19));
  }
  registers[REG_RAX] = a;
  registers[REG_RBX] = b;
  registers[REG_RCX] = c;
  registers[REG_RDX] = d;
  registers[REG_RIP] += 2;
}

static void on_fault(int number, siginfo_t *info, void *context) {
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  const unsigned char *instruction = (const unsigned char *)registers[REG_RIP];
  if (info->si_code == SI_KERNEL && instruction[0] == 0x0f && instruction[1] == 0xa2) {
    answer_cpuid(registers);
    return;
  }
  if (others.sa_flags & SA_SIGINFO) {
    others.sa_sigaction(number, info, context);
  } else if (others.sa_handler != SIG_DFL && others.sa_handler != SIG_IGN) {
    others.sa_handler(number);
  } else {
    /* The instruction faults again, or what was sent is sent again, and ends the program. */
    struct sigaction usual = {.sa_handler = SIG_DFL};
    system_sigaction(number, &usual, NULL);
    if (info->si_code <= 0) raise(number);
  }
}

int sigaction(int number, const struct sigaction *action, struct sigaction *old) {
  if (system_sigaction == NULL) system_sigaction = (Sigaction *)dlsym(RTLD_NEXT, "sigaction");
  if (number != SIGSEGV) return system_sigaction(number, action, old);
  if (old != NULL) *old = others;
  if (action != NULL) others = *action;
  return 0;
}

typedef void Handler(int);
typedef Handler *Signal(int, Handler *);

Handler *signal(int number, Handler *handler) {
  if (number != SIGSEGV) return ((Signal *)dlsym(RTLD_NEXT, "signal"))(number, handler);
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART}, old;
  return sigaction(number, &action, &old) == 0 ? old.sa_handler : SIG_ERR;
}

__attribute__((constructor)) static void hide(void) {
  system_sigaction = (Sigaction *)dlsym(RTLD_NEXT, "sigaction");
  struct sigaction ours = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
  system_sigaction(SIGSEGV, &ours, &others);
  if (trap_cpuid(1) == 0) setenv("AVX512_HIDDEN", "1", 1);
}
