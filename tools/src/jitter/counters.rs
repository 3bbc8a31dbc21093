//! The kernel's counters of one CPU and one thread, read from its texts: what could take time.
//!
//! Pure. Must never: allocate while it reads a text (it runs between two gaps on the measuring
//! thread), or take a row that counts for the whole machine for a CPU's own.

/// Which text a row stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Text {
    /// `/proc/interrupts`.
    Interrupts,
    /// `/proc/softirqs`.
    Softirqs,
    /// `schedstat` of the measuring thread: times it was put on a CPU.
    Schedstat,
    /// `/proc/stat`: ticks of a hundredth of a second that a hypervisor took.
    Stat,
}

impl Text {
    /// Every text, in the order they are read.
    pub const ALL: [Self; 4] = [Self::Interrupts, Self::Softirqs, Self::Schedstat, Self::Stat];

    /// Where it is. `thread` is the measuring thread's folder below `/proc`.
    #[must_use]
    pub fn path(self, thread: &str) -> String {
        match self {
            Self::Interrupts => "/proc/interrupts".into(),
            Self::Softirqs => "/proc/softirqs".into(),
            Self::Schedstat => format!("/proc/{thread}/schedstat"),
            Self::Stat => "/proc/stat".into(),
        }
    }

    /// Calls `each` with label, words of explanation and count of every row, for `cpu`.
    pub fn rows<'t>(self, text: &'t str, cpu: usize, each: impl FnMut(&'t str, &'t str, u64)) {
        match self {
            Self::Interrupts | Self::Softirqs => table(text, cpu, each),
            Self::Schedstat => times_on_cpu(text, each),
            Self::Stat => steal(text, cpu, each),
        }
    }
}

/// A table with a column a CPU under a line of their names.
fn table<'t>(text: &'t str, cpu: usize, mut each: impl FnMut(&'t str, &'t str, u64)) {
    let mut lines = text.lines();
    let names = lines.next().unwrap_or_default().split_ascii_whitespace();
    let is_ours =
        |name: &str| name.strip_prefix("CPU").and_then(|number| number.parse().ok()) == Some(cpu);
    let (Some(column), columns) = (names.clone().position(is_ours), names.count()) else { return };
    for line in lines {
        let Some((label, cells)) = line.split_once(':') else { continue };
        let (mut count, mut rest, mut numbers) = (None, cells, 0);
        while numbers < columns {
            let from = rest.trim_start();
            let cell = from.split_ascii_whitespace().next().unwrap_or_default();
            let Ok(number) = cell.parse::<u64>() else { break };
            count = if numbers == column { Some(number) } else { count };
            rest = from.get(cell.len()..).unwrap_or_default();
            numbers += 1;
        }
        // ERR and MIS have one number for the machine.
        if let (Some(count), true) = (count, numbers == columns) {
            each(label.trim(), rest.trim(), count);
        }
    }
}

fn times_on_cpu<'t>(text: &'t str, mut each: impl FnMut(&'t str, &'t str, u64)) {
    let third = text.split_ascii_whitespace().nth(2).and_then(|cell| cell.parse().ok());
    if let Some(times) = third {
        each("switch", "another task ran", times);
    }
}

fn steal<'t>(text: &'t str, cpu: usize, mut each: impl FnMut(&'t str, &'t str, u64)) {
    let is_ours = |line: &&str| {
        let name = line.split(' ').next().and_then(|name| name.strip_prefix("cpu"));
        name.is_some_and(|number| number.parse() == Ok(cpu))
    };
    let line = text.lines().find(is_ours);
    let eighth = line.and_then(|line| line.split_ascii_whitespace().nth(8)?.parse().ok());
    if let Some(ticks) = eighth {
        each("steal", "the hypervisor ran another machine", ticks);
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    const INTERRUPTS: &str = "           CPU0       CPU2       \n  \
        24:          1        700   PCI-MSI 524288-edge      nvme0q1\n \
        LOC:    1111111    2222222   Local timer interrupts\n \
        ERR:          7\n \
        RES:          3          4   Rescheduling interrupts\n";

    fn read(text: Text, body: &str, cpu: usize) -> Vec<(String, String, u64)> {
        let mut rows = Vec::new();
        text.rows(body, cpu, |label, rest, n| rows.push((label.into(), rest.into(), n)));
        rows
    }

    #[test]
    fn a_row_is_the_cpu_s_own() {
        let rows = read(Text::Interrupts, INTERRUPTS, 2);
        let row = |label: &str, rest: &str, n| (label.to_owned(), rest.to_owned(), n);
        assert_eq!(
            rows,
            [
                row("24", "PCI-MSI 524288-edge      nvme0q1", 700),
                row("LOC", "Local timer interrupts", 2_222_222),
                row("RES", "Rescheduling interrupts", 4),
            ],
            "ERR counts for the machine"
        );
        assert!(read(Text::Interrupts, INTERRUPTS, 1).is_empty(), "CPU 1 is offline");
        assert!(read(Text::Interrupts, "", 0).is_empty());
    }

    #[test]
    fn the_other_texts_give_one_row_each() {
        let soft = "          CPU0       CPU1\n       HI:    0    5\n    TIMER:    8    9\n";
        assert_eq!(read(Text::Softirqs, soft, 1)[1], ("TIMER".into(), String::new(), 9));
        let stat = "cpu  1 2 3 4 5 6 7 8 9 10\ncpu1 10 20 30 40 50 60 70 80 90 0\n\
                    cpu11 1 1 1 1 1 1 1 1\n";
        assert_eq!(read(Text::Stat, stat, 1)[0].2, 80);
        assert_eq!(read(Text::Stat, stat, 11)[0].2, 1);
        assert!(read(Text::Stat, stat, 3).is_empty());
        assert_eq!(read(Text::Schedstat, "100 200 3\n", 0)[0].2, 3);
        assert!(read(Text::Schedstat, "", 0).is_empty());
    }
}
