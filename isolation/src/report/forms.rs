//! The report for other readers: Markdown, `JUnit`, and the text file that Prometheus' node
//! exporter collects. Must never: say what the JSON form does not.

use super::Report;
use crate::check::{Finding, Group, Need, Profile, Status};
use std::fmt::Write as _;

impl Report {
    /// As Markdown: plan, persisted and live side by side, then what to do.
    #[must_use]
    pub fn to_md(&self) -> String {
        let mut md = format!("# Host: {}\n\n{}\n", self.verdict(), self.subject());
        for group in Group::ALL {
            let found: Vec<&Finding> = self.of(group).collect();
            if found.is_empty() {
                continue;
            }
            let _ = write!(
                md,
                "\n## {}\n\n| status | id | check | plan | persisted | live | good |\n\
                 | --- | --- | --- | --- | --- | --- | --- |\n",
                group.title()
            );
            for finding in found {
                let Finding { id, name, good, status, .. } = finding;
                let planned = cell(finding.planned.as_deref().unwrap_or_default());
                let persisted = cell(finding.persisted.as_deref().unwrap_or_default());
                let (status, live, good) = (status.name(), cell(&finding.live), cell(good));
                let _ = writeln!(
                    md,
                    "| {status} | {id} | {name} | {planned} | {persisted} | {live} | {good} |"
                );
            }
        }
        md.push_str("\n## What to do\n\n");
        let open = self.checks.iter().filter(|found| found.status.is_open());
        let before = md.len();
        for Finding { id, note, now, keep, status, .. } in open {
            let _ = write!(md, "- **{id}** {}: {}", status.name(), cell(note));
            if *status != Status::Unknown {
                let _ = write!(md, "; now: {}; keep: {}", cell(now), cell(keep));
            }
            md.push('\n');
        }
        if md.len() == before {
            md.push_str("Nothing.\n");
        }
        md
    }

    /// As `JUnit`: one suite a group; what the live profile refuses is a failure, what must be good
    /// and was not read an error.
    #[must_use]
    pub fn to_junit(&self) -> String {
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let (failures, errors) = (self.number(Self::fails), self.number(Self::errs));
        let _ = writeln!(
            xml,
            "<testsuites name=\"corelane doctor\" tests=\"{}\" failures=\"{failures}\" \
             errors=\"{errors}\">",
            self.checks.len()
        );
        for group in Group::ALL {
            let found: Vec<&Finding> = self.of(group).collect();
            if found.is_empty() {
                continue;
            }
            let count = |test: fn(&Self, &Finding) -> bool| {
                found.iter().filter(|finding| test(self, finding)).count()
            };
            let _ = writeln!(
                xml,
                "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" \
                 skipped=\"{}\">",
                escaped(group.title()),
                found.len(),
                count(Self::fails),
                count(Self::errs),
                count(|_, finding| finding.status == Status::Skip),
            );
            for finding in found {
                self.write_case(&mut xml, finding);
            }
            xml.push_str("  </testsuite>\n");
        }
        xml.push_str("</testsuites>\n");
        xml
    }

    fn write_case(&self, xml: &mut String, finding: &Finding) {
        let Finding { id, name, group, status, .. } = finding;
        let said = escaped(&finding.said());
        let (group, name) = (group.name(), escaped(name));
        let _ = write!(xml, "    <testcase classname=\"doctor.{group}\" name=\"{id} {name}\"");
        let status = status.name();
        let _ = if self.fails(finding) {
            writeln!(xml, "><failure type=\"{status}\" message=\"{said}\"/></testcase>")
        } else if self.errs(finding) {
            writeln!(xml, "><error type=\"{status}\" message=\"{said}\"/></testcase>")
        } else if finding.status == Status::Skip {
            writeln!(xml, "><skipped message=\"{said}\"/></testcase>")
        } else {
            writeln!(xml, "><system-out>{status} {said}</system-out></testcase>")
        };
    }

    /// As the text file of Prometheus' node exporter.
    #[must_use]
    pub fn to_prometheus(&self) -> String {
        let Self { version, exit, kernel, .. } = self;
        let (profile, kernel) = (self.profile.name(), label(kernel));
        let mut text = format!(
            "# HELP corelane_doctor_info Report of the host's settings; always 1.\n\
             # TYPE corelane_doctor_info gauge\n\
             corelane_doctor_info{{version=\"{version}\",profile=\"{profile}\",\
             kernel=\"{kernel}\"}} 1\n\
             # HELP corelane_doctor_exit 0 good, 1 warnings, 2 failures, 3 not judged.\n\
             # TYPE corelane_doctor_exit gauge\n\
             corelane_doctor_exit {exit}\n\
             # HELP corelane_doctor_checks Checks of each status.\n\
             # TYPE corelane_doctor_checks gauge\n"
        );
        for status in Status::ALL {
            let count = self.counts.get(status.name()).unwrap_or(&0);
            let _ =
                writeln!(text, "corelane_doctor_checks{{status=\"{}\"}} {count}", status.name());
        }
        text.push_str(
            "# HELP corelane_doctor_check The status a check has; always 1.\n\
             # TYPE corelane_doctor_check gauge\n",
        );
        for Finding { id, name, group, status, .. } in &self.checks {
            let (group, name, status) = (group.name(), label(name), status.name());
            let _ = writeln!(
                text,
                "corelane_doctor_check{{id=\"{id}\",group=\"{group}\",name=\"{name}\",\
                 status=\"{status}\"}} 1"
            );
        }
        text
    }

    fn of(&self, group: Group) -> impl Iterator<Item = &Finding> {
        self.checks.iter().filter(move |finding| finding.group == group)
    }

    fn number(&self, test: fn(&Self, &Finding) -> bool) -> usize {
        self.checks.iter().filter(|finding| test(self, finding)).count()
    }

    /// Whether a finding alone makes the report fail.
    #[must_use]
    pub fn fails(&self, finding: &Finding) -> bool {
        finding.status == Status::Fail
            || self.profile == Profile::Live && finding.status == Status::Conflict
    }

    /// Whether a finding alone leaves the report without a judgement.
    #[must_use]
    pub fn errs(&self, finding: &Finding) -> bool {
        let is_unread = finding.status == Status::Unknown && finding.need == Need::Must;
        self.profile != Profile::Dev && is_unread
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}

fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn escaped(text: &str) -> String {
    let plain = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let plain = plain.replace('"', "&quot;");
    // XML has no form for other control characters.
    plain.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
