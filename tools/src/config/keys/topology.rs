//! The keys of a topology: crate `isolation` reads it (`isolation/src/plan.rs`).

use super::Absent::{Means, Refused, Value};
use super::Allowed::{Flag, Said, Whole};
use super::{Row, Section};

const CPUS: &str = "a list of CPUs such as \"2-3\"";

pub(super) const SECTIONS: &[Section] = &[Section {
    path: "topology",
    reader: "corelane doctor --topology=FILE",
    rows: &[
        Row(
            "hot",
            "CPU ids",
            Said(CPUS),
            Refused,
            "CPUs of the hot threads; without CPU 0, and none that keeps house.",
        ),
        Row(
            "housekeeping",
            "CPU ids",
            Said(CPUS),
            Refused,
            "CPUs of everything else; two or more.",
        ),
        Row(
            "nic",
            "-",
            Said("the name of a network interface"),
            Means("no card is judged as the exchange link"),
            "Interface of the exchange link.",
        ),
        Row(
            "onload",
            "-",
            Flag,
            Value("false"),
            "Whether the link's sockets are to be accelerated by Onload.",
        ),
        Row(
            "hugepages_2m",
            "pages of 2 MiB",
            Whole(0, 4_294_967_295),
            Value("0"),
            "Huge pages to be reserved.",
        ),
        Row(
            "gpu",
            "-",
            Said("a PCI address, 0000:01:00.0"),
            Means("no GPU of its own for the signal sidecar"),
            "PCI address of the GPU that serves models.",
        ),
        Row(
            "node",
            "NUMA node",
            Whole(0, 4_294_967_295),
            Means("memory of any node"),
            "NUMA node of hot CPUs, card and memory.",
        ),
        Row(
            "cpus",
            "CPU ids",
            Said(CPUS),
            Means("the CPUs of this host"),
            "Every CPU of the box, where the file speaks of another than this one.",
        ),
        Row(
            "siblings",
            "CPU ids",
            Said(CPUS),
            Means("each CPU has a core of its own, or as this host says"),
            "CPUs that share a core: an array with a list a core, as in [\"0,4\", \"1,5\"].",
        ),
    ],
}];
