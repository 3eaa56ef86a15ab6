#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
#
# lab/repeat.py - what it takes to repeat a run that failed
#
# Every job of the lab that boots a kernel ends in this when it fails: how to repeat
# it, which kernel that was, QEMU's command, as lab/boot has put both into the console
# log, and each seed that the suites which failed have told there. Where a seed is a
# parameter of the kernel, it is part of what to repeat, in KUNIT_APPEND.

import argparse
import collections
import glob
import os
import re
import shlex
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TESTS = os.path.join(TOP, 'drivers/iommu/dma-iommu/tests')
MOST = 8

STAMP = re.compile(r'^\[ *\d+\.\d+\](\[[^]]*\])? ')
SUBTEST = re.compile(r' {4}# Subtest: (\S+)$')
MODULE = re.compile(r' {4}# module: (\S+)$')
END = re.compile(r'(?:not )?ok \d+ (\S+)')
CASE = re.compile(r'( {4,})(not ok|ok) \d+ (\S+)')
# As in "# test_storm: iova_smp_seed=42, 4 CPUs", or "# test_random: seed 42"
SEED = re.compile(r' *# (\w+): (.*?\b((?:\w+\.)?\w*seed)[= ](\d+).*)$')

Seed = collections.namedtuple('Seed', 'case text name value')


class Suite:
    """What the console tells of one suite."""

    def __init__(self, name):
        self.name, self.module = name, ''
        self.seeds = []
        # The cases that failed, and the seeds that each had told last when it did
        self.failed = {}

    def take(self, line):
        module, seed, case = MODULE.match(line), SEED.match(line), CASE.match(line)
        if module:
            self.module = module[1]
        elif seed:
            told = Seed(seed[1], seed[2].strip(), seed[3], seed[4])
            # What fails may name the seed once more
            if not any((one.case, one.value) == (told.case, told.value) for one in self.seeds):
                self.seeds.append(told)
        elif case and case[2] == 'not ok' and len(case[1]) == 4:
            self.failed.setdefault(case[3], self.latest(case[3]))
        elif case and case[2] == 'not ok' and self.seeds:
            # One of the parameters of a case: its seed is the one that was told last
            name = self.seeds[-1].case
            self.failed.setdefault(name, self.latest(name))

    def latest(self, case):
        """The last seed of each name that this case told, or the suite as a whole."""
        return {seed.name: seed for seed in self.seeds if seed.case in (case, self.name)}

    def parameter(self, seed):
        """The parameter of the kernel that takes this seed, or None."""
        if '.' in seed.name:
            return seed.name
        names = parameters(self.name)
        if seed.name in names:
            name = seed.name
        elif len(names) == 1:
            name = names[0]
        else:
            return None
        return f'{self.module}.{name}' if self.module else None


def parameters(suite):
    """The parameters for seeds that the source of a suite has."""
    for path in sorted(glob.glob(os.path.join(TESTS, '*.c'))):
        with open(path, encoding='utf-8') as file:
            text = file.read()
        if re.search(rf'\.name = "{re.escape(suite)}"', text):
            return re.findall(r'\bmodule_param(?:_named)?\((\w*seed)\b', text)
    return []


class Console:
    """What a console log begins with, and the suites that it has."""

    def __init__(self, text):
        found = re.search(r'^lab/boot: Linux (\S+)', text, re.M)
        self.release = found[1] if found else 'never started'
        found = re.search(r'^lab/boot: (qemu-.*)$', text, re.M)
        self.qemu = found[1].strip() if found else 'never started'
        self.suites = {}
        self.running = []
        suite = None
        for line in text.splitlines():
            line = STAMP.sub('', line.rstrip())
            begins = SUBTEST.match(line)
            if begins:
                suite = self.suites.setdefault(begins[1], Suite(begins[1]))
            elif suite and END.match(line):
                suite = None
            elif suite:
                suite.take(line)
            elif SEED.match(line):
                # What a suite says before its cases comes before its head
                name = SEED.match(line)[1]
                self.suites.setdefault(name, Suite(name)).take(line)
            # By line of the log
            self.running.append(suite.name if suite else None)

    def at(self, number):
        """The suite that ran when that line was written, counted from 1; 0: the last one."""
        return self.running[number - 1] if self.running else None


def with_kunit(words, seeds=(), what=''):
    """A command that boots suites, with its environment."""
    append = os.environ.get('KUNIT_APPEND', '').split() + list(seeds)
    variables = {'KUNIT_APPEND': ' '.join(append)}
    if words[0] == 'lab/kunit':
        variables['KUNIT_BOOT'] = os.environ.get('KUNIT_BOOT', '')
        if what:
            words = words[:3 if '--machine' in words else 1] + [what]
    return ' '.join([f'{name}={shlex.quote(value)}' for name, value in variables.items() if value]
                    + [shlex.quote(word) for word in words])


def commands(command, console, failed):
    """How to repeat each case that failed with the seed that it had, or else the suite."""
    words = shlex.split(command)
    for name in failed:
        suite = console.suites.get(name, Suite(name))
        for case, seeds in suite.failed.items() or [('', {seed.name: seed for seed in suite.seeds})]:
            given = {suite.parameter(seed): seed.value for seed in seeds.values()}
            yield with_kunit(words, [f'{key}={value}' for key, value in given.items() if key],
                             f'{name}.{case}' if case and case != name else name)
    if not failed:
        yield with_kunit(words)


def tell(text, command=None, failed=(), release=None, kunit=True):
    """Print it: the text of the console, how to repeat, the suites that failed."""
    console = Console(text)
    failed = list(dict.fromkeys(name for name in failed if name))
    lines = []
    if command:
        lines = list(dict.fromkeys(commands(command, console, failed))) if kunit else [command]
    for line in lines[:MOST]:
        print(f'repeat: {line}')
    if len(lines) > MOST:
        print(f'repeat: and {len(lines) - MOST} more')
    print(f'kernel: {release or console.release}')
    print(f'QEMU: {console.qemu}')
    for name in failed:
        suite = console.suites.get(name)
        for seed in suite.seeds if suite else ():
            parameter = suite.parameter(seed)
            where = name if seed.case == name else f'{name}.{seed.case}'
            print(f'seed: {where}: {seed.text}{f" ({parameter})" if parameter else ""}')
    sys.stdout.flush()


def read(path):
    """The console, or nothing if there is none."""
    try:
        with open(path, encoding='utf-8', errors='replace') as file:
            return file.read()
    except OSError:
        return ''


def main():
    with open(__file__, encoding='utf-8') as script:
        header = script.read().split('\n\n')[0].split('\n')[3:]
    parser = argparse.ArgumentParser(prog='lab/repeat.py', formatter_class=argparse.RawDescriptionHelpFormatter,
                                     description='\n'.join(line[2:] for line in header))
    parser.add_argument('--console', required=True, help='console log of the run')
    parser.add_argument('--repeat', help='the command that it was')
    parser.add_argument('suites', nargs='*', help='which failed; else the one that ran last')
    args = parser.parse_args()
    text = read(args.console)
    tell(text, args.repeat, args.suites or [Console(text).at(0)])


if __name__ == '__main__':
    main()
