//! Pins a thread to one CPU by id and reads the kernel's answer back.
//!
//! Must never: believe a request it did not read back, or ask for more than one CPU (threads that
//! share a mask of isolated CPUs pile up on the first). Runs once a thread, before its first turn.

use crate::sys;
use std::fmt;

/// Where a thread ended up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pinned {
    /// The mask is exactly this CPU.
    To(usize),
    /// Nobody asked: fewer CPUs than threads, or the configuration says so.
    NotAsked,
    /// Asked for this CPU, and the kernel's mask is another.
    Refused(usize),
}

impl fmt::Display for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::To(cpu) => write!(f, "cpu {cpu}"),
            Self::NotAsked => f.write_str("not pinned"),
            Self::Refused(cpu) => write!(f, "not pinned (cpu {cpu} refused)"),
        }
    }
}

/// Pins the calling thread, and says what the kernel made of it.
#[must_use]
pub fn pin_current(cpu: Option<usize>) -> Pinned {
    let Some(id) = cpu else { return Pinned::NotAsked };
    let set = core_affinity::set_for_current(core_affinity::CoreId { id });
    match sys::affinity() {
        Ok(mask) if set && mask == [id] => Pinned::To(id),
        _ => Pinned::Refused(id),
    }
}

/// CPUs chosen for the hot threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// CPU of the loop; `None` leaves it to the scheduler.
    pub loop_cpu: Option<usize>,
    /// CPU of the edge; `None` leaves it to the scheduler.
    pub edge_cpu: Option<usize>,
}

/// What the configuration says of one thread's CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpuChoice {
    /// The station chooses.
    Auto,
    /// This id.
    Id(usize),
    /// Not pinned.
    None,
}

/// Chooses CPUs: those asked for, else the last ones of the mask, so that CPU 0 stays free for
/// housekeeping. A hot thread is pinned on its own account only where a CPU remains for the rest
/// of the process; on smaller machines the scheduler places it better than we can.
#[must_use]
pub fn place(mask: &[usize], loop_cpu: CpuChoice, edge_cpu: CpuChoice, two: bool) -> Placement {
    let hot = if two { 2 } else { 1 };
    let spare = mask.len() > hot;
    let from_end = |n: usize| mask.len().checked_sub(n).and_then(|i| mask.get(i)).copied();
    let choose = |choice: CpuChoice, taken: Option<usize>| match choice {
        CpuChoice::Id(id) => Some(id),
        CpuChoice::Auto if spare => {
            [1, 2].into_iter().filter_map(from_end).find(|cpu| Some(*cpu) != taken)
        }
        CpuChoice::Auto | CpuChoice::None => None,
    };
    let fixed = |choice: CpuChoice| match choice {
        CpuChoice::Id(id) => Some(id),
        CpuChoice::Auto | CpuChoice::None => None,
    };
    let loop_at = choose(loop_cpu, fixed(edge_cpu));
    let edge_at = if two { choose(edge_cpu, loop_at) } else { None };
    Placement { loop_cpu: loop_at, edge_cpu: edge_at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_to_the_last_cpu_and_reads_it_back() {
        std::thread::spawn(|| {
            let mask = sys::affinity().expect("mask");
            let cpu = *mask.last().expect("one cpu");
            assert_eq!(pin_current(Some(cpu)), Pinned::To(cpu));
            assert_eq!(sys::affinity().expect("mask"), [cpu]);
            assert_eq!(pin_current(Some(1_000)), Pinned::Refused(1_000), "no such cpu");
            assert_eq!(pin_current(None), Pinned::NotAsked);
        })
        .join()
        .expect("thread");
    }

    #[test]
    fn places_hot_threads_only_where_a_cpu_remains() {
        let auto = CpuChoice::Auto;
        let none = Placement { loop_cpu: None, edge_cpu: None };
        assert_eq!(place(&[0, 1], auto, auto, true), none);
        assert_eq!(
            place(&[0, 1], auto, auto, false),
            Placement { loop_cpu: Some(1), edge_cpu: None }
        );
        assert_eq!(
            place(&[0, 2, 5, 7], auto, auto, true),
            Placement { loop_cpu: Some(7), edge_cpu: Some(5) }
        );
        assert_eq!(
            place(&[0, 1, 2], auto, CpuChoice::Id(2), true),
            Placement { loop_cpu: Some(1), edge_cpu: Some(2) },
            "a CPU named for the edge is not given to the loop"
        );
        assert_eq!(
            place(&[0, 1], CpuChoice::Id(0), CpuChoice::None, true),
            Placement { loop_cpu: Some(0), edge_cpu: None }
        );
    }
}
