//! Services beside the station: data bases whose settings do harm, and jobs that come by the clock.

use super::{Found, some};
use crate::check::{Check, Group, Look, Need, Outcome, Status, skip};
use crate::host::Missing;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "O01",
        name: "periodic jobs",
        why: "updates and trims run in market hours",
        read: "etc/systemd/system/timers.target.wants",
        good: "no apt-daily, dnf-automatic, fstrim, man-db, mlocate or updatedb timer",
        now: "systemctl stop TIMER",
        keep: "systemctl mask TIMER",
        source: "systemd.timer(5)",
        run: timers,
        ..SERVICE
    },
    Check {
        id: "O03",
        name: "Redis",
        why: "allkeys-lru evicts state that was meant to stay; a socket for everybody lets \
            everybody write it",
        read: "etc/redis/redis.conf, etc/redis.conf",
        good: "maxmemory-policy noeviction, unixsocketperm without a right for others",
        now: "CONFIG SET maxmemory-policy noeviction",
        keep: "redis.conf",
        need: Need::Must,
        source: "Redis documentation, key eviction",
        run: redis,
        ..SERVICE
    },
    Check {
        id: "O04",
        name: "unit of QuestDB",
        why: "a start script that daemonises under Type=simple is taken for ended: restarts run \
            a second server",
        read: "etc/systemd/system/questdb.service",
        good: "Type=forking with the script, or the server in the foreground",
        now: "none",
        keep: "Type=forking, or ExecStart of java itself",
        source: "systemd.service(5)",
        run: questdb,
        ..SERVICE
    },
];

const SERVICE: Check = Check::base(Group::Services);

fn timers(look: &Look<'_>) -> Found {
    let names = match look.host.names("etc/systemd/system/timers.target.wants") {
        Err(Missing::Absent(_)) if look.host.is_there("etc/systemd/system") => Vec::new(),
        other => other?,
    };
    let known = ["apt-daily", "dnf-automatic", "fstrim", "man-db", "mlocate", "updatedb"];
    let hit: Vec<String> = names
        .into_iter()
        .filter(|name| known.iter().any(|known| name.starts_with(known)))
        .collect();
    let live = if hit.is_empty() { "none".to_owned() } else { some(hit.clone()) };
    Ok(Outcome::good(hit.is_empty(), live, "jobs that may start in market hours"))
}

fn redis(look: &Look<'_>) -> Found {
    let text = match look.host.optional("etc/redis/redis.conf")? {
        Some(text) => text,
        None => match look.host.optional("etc/redis.conf")? {
            Some(text) => text,
            None if look.host.is_there("etc/systemd") => return skip("no Redis is set up"),
            None => return Err(Missing::Absent("etc/redis/redis.conf".into()).into()),
        },
    };
    let word = |key: &str| {
        let of = |line: &str| {
            let mut words = line.split_whitespace();
            (words.next() == Some(key)).then(|| words.next().unwrap_or_default().to_owned())
        };
        text.lines().rev().find_map(of)
    };
    let policy = word("maxmemory-policy").unwrap_or_else(|| "noeviction".into());
    let (socket, perm) = (word("unixsocket"), word("unixsocketperm"));
    let live = format!("{policy}, socket {}", perm.as_deref().unwrap_or("unset"));
    if perm.as_ref().is_some_and(|perm| !perm.ends_with('0')) {
        let note = "others may write the socket: unixsocketperm 770";
        return Ok(Outcome::new(Status::Fail, live, note));
    }
    if policy != "noeviction" {
        let note = "it drops keys when memory is full: noeviction, and a limit that is watched";
        return Ok(Outcome::new(Status::Fail, live, note));
    }
    if socket.is_some() && perm.is_none() {
        let note = "without unixsocketperm the umask decides who may write: unixsocketperm 770";
        return Ok(Outcome::new(Status::Warn, live, note));
    }
    Ok(Outcome::new(Status::Pass, live, ""))
}

fn questdb(look: &Look<'_>) -> Found {
    let text = match look.host.text("etc/systemd/system/questdb.service") {
        Err(Missing::Absent(_)) if look.host.is_there("etc/systemd/system") => {
            return skip("no unit of QuestDB");
        }
        other => other?,
    };
    let value = |key: &str| text.lines().rev().find_map(|l| l.trim().strip_prefix(key));
    let kind = value("Type=").unwrap_or("simple");
    let start = value("ExecStart=").unwrap_or_default();
    let is_script = start.contains("questdb.sh") && start.contains("start");
    let live = format!("Type={kind}, {start}");
    if is_script && kind != "forking" {
        let note = "the script puts the server into the background: Type=forking, or start java";
        return Ok(Outcome::new(Status::Conflict, live, note));
    }
    Ok(Outcome::new(Status::Pass, live, ""))
}
