//! What a gap is put down to, and which checks of `corelane doctor` could have prevented it.
//!
//! Pure. Must never: explain a gap by a counter that did not move in it. Where several moved, the
//! one named is the one that leads to the others: a switch begins with an interrupt, an interrupt
//! ends in softirqs.

use super::counters::Text;

/// A row of the counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Where it stands.
    pub text: Text,
    /// Its name there.
    pub label: String,
    /// The kernel's own words for it.
    pub words: String,
}

/// Name of what no counter explains.
pub const UNEXPLAINED: &str = "unexplained";
/// Name of gaps whose counters were not read, because reading them takes longer than they do.
pub const NOT_LOOKED: &str = "not looked at";

impl Source {
    /// The name shown.
    #[must_use]
    pub fn name(&self) -> String {
        match self.text {
            Text::Softirqs => format!("softirq {}", self.label),
            Text::Interrupts if self.is_device() => {
                let device = self.words.split_ascii_whitespace().last().unwrap_or_default();
                format!("irq {} {device}", self.label)
            }
            Text::Interrupts => format!("{} {}", self.label, self.words),
            Text::Schedstat | Text::Stat => format!("{} ({})", self.label, self.words),
        }
    }

    fn is_device(&self) -> bool {
        self.text == Text::Interrupts && self.label.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// Order in which the moved counters explain a gap; the lowest is named.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match (self.text, self.label.as_str()) {
            (Text::Interrupts, "NMI" | "PMI" | "MCE" | "MCP" | "THR" | "DFR") => 0,
            (Text::Schedstat, _) => 1,
            (Text::Interrupts, _) if self.is_device() => 2,
            (Text::Interrupts, "LOC") => 3,
            (Text::Interrupts, _) => 4,
            (Text::Softirqs, _) => 5,
            (Text::Stat, _) => 6,
        }
    }

    /// Checks whose setting keeps this away from a CPU.
    #[must_use]
    pub fn checks(&self) -> &'static [&'static str] {
        match (self.text, self.label.as_str()) {
            (Text::Schedstat, _) => &["I01", "I06", "I07", "I08", "I10", "I11"],
            (Text::Stat, _) => &["I22"],
            (Text::Interrupts, _) if self.is_device() => &["I04", "I05", "I09"],
            (Text::Interrupts, "LOC") => &["I02", "I11"],
            (Text::Interrupts, "RES") => &["I01", "I06", "I08"],
            (Text::Interrupts, "CAL") => &["I06", "I08", "I24"],
            (Text::Interrupts, "TLB") => &["I08", "I19"],
            (Text::Interrupts, "NMI" | "PMI") => &["I16", "I25"],
            (Text::Interrupts, "IWI") => &["I25"],
            (Text::Interrupts, "MCE" | "MCP" | "DFR") => &["I17"],
            (Text::Interrupts, "THR" | "TRM") => &["W09"],
            (Text::Interrupts, _) => &["I05"],
            (Text::Softirqs, "RCU") => &["I03"],
            (Text::Softirqs, "NET_RX" | "NET_TX") => &["I05", "N08"],
            (Text::Softirqs, "TIMER" | "HRTIMER") => &["I02", "I16"],
            (Text::Softirqs, "SCHED") => &["I01", "I02"],
            (Text::Softirqs, "BLOCK" | "IRQ_POLL") => &["I04", "I05"],
            (Text::Softirqs, _) => &["I10"],
        }
    }
}

/// Checks for what no counter of the kernel explains: the hypervisor, and firmware.
#[must_use]
pub fn unexplained_checks(is_virtual: bool) -> &'static [&'static str] {
    if is_virtual { &["I22"] } else { &["I14", "I23", "W08", "W09"] }
}

/// Counters that moved in one gap, by their place among the sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Whether the counters were read right before and right after.
    pub is_looked: bool,
    /// How many of `moved` count.
    pub count: u8,
    /// Places, the lowest rank first.
    pub moved: [u16; 6],
}

impl Seen {
    /// A gap whose counters were not read.
    pub const NOT: Self = Self { is_looked: false, count: 0, moved: [0; 6] };

    /// Notes that a counter moved, in the order of ranks; what has no room has the highest ones.
    pub fn note(&mut self, place: u16, rank: impl Fn(u16) -> u8) {
        let used = usize::from(self.count);
        let kept = self.moved.get(..used).unwrap_or_default();
        let at = kept.iter().position(|other| rank(*other) > rank(place)).unwrap_or(used);
        let Some(tail) = self.moved.get_mut(at..).filter(|tail| !tail.is_empty()) else { return };
        tail.rotate_right(1);
        if let Some(first) = tail.first_mut() {
            *first = place;
        }
        let most = u8::try_from(self.moved.len()).unwrap_or(u8::MAX);
        self.count = self.count.saturating_add(1).min(most);
    }

    /// The counters that moved.
    #[must_use]
    pub fn places(&self) -> &[u16] {
        self.moved.get(..usize::from(self.count)).unwrap_or_default()
    }

    /// What the gap is put down to.
    #[must_use]
    pub fn owner(&self) -> Owner {
        match (self.is_looked, self.places().first()) {
            (false, _) => Owner::NotLooked,
            (true, None) => Owner::Unexplained,
            (true, Some(place)) => Owner::Source(*place),
        }
    }
}

/// What a gap is put down to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The source at this place.
    Source(u16),
    /// No counter moved.
    Unexplained,
    /// Nobody looked.
    NotLooked,
}

/// How far each counter moved between two readings of a text; rows that came or went are left out.
#[must_use]
pub fn deltas(text: Text, before: &str, after: &str, cpu: usize) -> Vec<(Source, u64)> {
    let mut old: Vec<(&str, u64)> = Vec::new();
    text.rows(before, cpu, |label, _, count| old.push((label, count)));
    let mut out = Vec::new();
    text.rows(after, cpu, |label, words, count| {
        let was = old.iter().find(|(name, _)| *name == label).map(|(_, count)| *count);
        if let Some(moved) = was.and_then(|was| count.checked_sub(was)).filter(|moved| *moved > 0) {
            out.push((Source { text, label: label.into(), words: words.into() }, moved));
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: Text, label: &str) -> Source {
        Source { text, label: label.into(), words: "PCI-MSI 5-edge nvme0q1".into() }
    }

    #[test]
    fn every_check_named_is_one_of_the_doctor_s() {
        let labels = [
            "24", "LOC", "RES", "CAL", "TLB", "NMI", "PMI", "IWI", "MCE", "THR", "SPU", "RCU",
            "NET_RX", "TIMER", "SCHED", "BLOCK", "TASKLET", "switch", "steal",
        ];
        let of = |text| labels.map(|label| source(text, label));
        let named = Text::ALL.into_iter().flat_map(of).flat_map(|source| source.checks().to_vec());
        let unexplained = [true, false].into_iter().flat_map(|v| unexplained_checks(v).to_vec());
        let mut count = 0;
        for id in named.chain(unexplained) {
            assert!(isolation::all().any(|check| check.id == id), "{id} is no check");
            count += 1;
        }
        assert!(count > 50, "{count}");
    }

    #[test]
    fn the_cause_of_the_others_is_named() {
        let sources = [
            source(Text::Softirqs, "TIMER"),
            source(Text::Interrupts, "LOC"),
            source(Text::Schedstat, "switch"),
            source(Text::Interrupts, "24"),
        ];
        let rank = |place: u16| sources[usize::from(place)].rank();
        let mut seen = Seen { is_looked: true, ..Seen::NOT };
        assert_eq!(seen.owner(), Owner::Unexplained);
        seen.note(0, rank);
        assert_eq!(seen.owner(), Owner::Source(0));
        seen.note(1, rank);
        seen.note(3, rank);
        assert_eq!((seen.owner(), seen.places()), (Owner::Source(3), &[3, 1, 0][..]));
        seen.note(2, rank);
        assert_eq!((seen.owner(), seen.places()), (Owner::Source(2), &[2, 3, 1, 0][..]));
        assert_eq!(Seen::NOT.owner(), Owner::NotLooked);
    }

    #[test]
    fn more_than_it_holds_keeps_the_strongest() {
        let mut seen = Seen { is_looked: true, ..Seen::NOT };
        for place in (0..20).rev() {
            seen.note(place, |place| u8::try_from(place).unwrap());
        }
        assert_eq!(seen.places(), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_delta_names_what_moved_and_nothing_else() {
        let before =
            "     CPU0  CPU1\n LOC:  10  20  Local timer interrupts\n RES:  5  5  Resched\n";
        let after = "     CPU0  CPU1\n LOC:  99  24  Local timer interrupts\n RES:  9  5  Res\n \
                     30:  7  7  PCI-MSI  new\n";
        let moved = deltas(Text::Interrupts, before, after, 1);
        assert_eq!(moved.len(), 1, "{moved:?}");
        assert_eq!((moved[0].0.label.as_str(), moved[0].1), ("LOC", 4));
        assert_eq!(moved[0].0.name(), "LOC Local timer interrupts");
        assert_eq!(source(Text::Interrupts, "24").name(), "irq 24 nvme0q1");
        assert!(deltas(Text::Interrupts, after, before, 1).is_empty(), "counters never go back");
    }
}
