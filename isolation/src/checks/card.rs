//! The exchange card as its driver tells it, and the clock that stamps its packets.

use super::Found;
use crate::check::{Check, Group, Look, Outcome, Stop, skip};
use crate::host::Missing;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "N07",
        name: "coalescing, offloads and pause",
        why: "the card waits for more packets before it interrupts, merges them, and stops the \
            link when told",
        read: "ethtool of the interface: coalescing, rings, pause, GRO, LRO",
        good: "rx-usecs 0, not adaptive, no GRO, LRO or pause",
        now: "ethtool -C IF adaptive-rx off rx-usecs 0; ethtool -K IF gro off lro off; ethtool \
            -A IF rx off tx off",
        keep: "systemd.link: RxCoalesceSec=0, UseAdaptiveRxCoalesce=no, \
            GenericReceiveOffload=no, RxFlowControl=no, TxFlowControl=no",
        source: "ethtool(8), systemd.link(5)",
        run: coalescing,
        ..CARD
    },
    Check {
        id: "N16",
        name: "clock is disciplined",
        why: "stamps that drift cannot be compared with the venue's",
        read: "adjtimex(2) without a change, proc/*/comm, ethtool of the interface",
        good: "synchronised, by a daemon that runs",
        now: "systemctl start chrony, or ptp4l and phc2sys where the card has a clock",
        keep: "systemctl enable of the same",
        source: "adjtimex(2)",
        moves: true,
        run: clock,
        ..CARD
    },
];

const CARD: Check = Check::base(Group::Network);
/// Daemons that discipline the clock, as the kernel cuts their names.
const DAEMONS: [&str; 5] = ["ptp4l", "phc2sys", "chronyd", "ntpd", "systemd-timesyn"];

/// The value of a key among lines of `key value`.
pub(super) fn told<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))
}

fn coalescing(look: &Look<'_>) -> Found {
    let nic = look.nic()?;
    let text = look.host.text(&format!("told/ethtool/{nic}"))?;
    let wanted = [
        ("rx-usecs", "0"),
        ("adaptive-rx", "off"),
        ("gro", "off"),
        ("lro", "off"),
        ("rx-pause", "off"),
        ("tx-pause", "off"),
    ];
    let found: Vec<(&str, &str, bool)> = wanted
        .iter()
        .filter_map(|(key, wanted)| told(&text, key).map(|value| (*key, value, value == *wanted)))
        .collect();
    if found.is_empty() {
        return skip("the driver tells nothing of it");
    }
    let bad = found.iter().filter(|(_, _, is_good)| !is_good);
    let bad: Vec<String> = bad.map(|(key, value, _)| format!("{key} {value}")).collect();
    let rings = [told(&text, "rx-ring"), told(&text, "rx-ring-max")];
    let rings = rings.map(|n| n.unwrap_or("?")).join(" of ");
    let live = if bad.is_empty() { format!("off; rings {rings}") } else { bad.join(", ") };
    Ok(Outcome::good(bad.is_empty(), live, "packets wait in the card"))
}

fn clock(look: &Look<'_>) -> Found {
    let path = "told/clock";
    let text = look.host.text(path)?;
    let (Some(is_synchronised), Some(error)) =
        (told(&text, "synchronised"), told(&text, "error-us-max"))
    else {
        return Err(Missing::Strange(path.into(), text).into());
    };
    let mut running = Vec::new();
    for name in DAEMONS {
        if !look.named(name)?.is_empty() {
            running.push(name);
        }
    }
    let card = look.plan.nic.as_ref().map(|nic| look.host.optional(&format!("told/ethtool/{nic}")));
    let card = card.transpose().map_err(Stop::from)?.flatten().unwrap_or_default();
    let card = told(&card, "clock").map(|clock| format!("; the card has {clock}"));
    let by = if running.is_empty() { "no daemon".to_owned() } else { running.join(", ") };
    let word = if is_synchronised == "yes" { "synchronised" } else { "not synchronised" };
    let card = card.unwrap_or_default();
    let live = format!("{word}; {by}; error at most {error} us{card}");
    let note = "its stamps drift from the venue's";
    Ok(Outcome::good(is_synchronised == "yes" && !running.is_empty(), live, note))
}
