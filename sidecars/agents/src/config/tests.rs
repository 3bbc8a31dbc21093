//! The roles that are shipped, and every problem of a file that is not sound.

use super::*;

fn shipped() -> (PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/agents.toml");
    let text = fs::read_to_string(&path).expect("shipped");
    (path, text)
}

fn problems(edit: impl Fn(String) -> String) -> Vec<String> {
    let (path, text) = shipped();
    match Config::parse(&path, &edit(text)) {
        Ok(_) => Vec::new(),
        Err(ConfigError::Problems { problems, .. }) => {
            problems.iter().map(ToString::to_string).collect()
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn the_shipped_roles_are_sound_and_each_has_a_prompt() {
    let (path, _) = shipped();
    let config = Config::load(&path).expect("sound");
    assert_eq!((config.roles.len(), config.servers.len()), (22, 0));
    for role in &config.roles {
        let prompt = config.prompts.get(role.prompt).expect("a prompt");
        assert_eq!(prompt.name, role.name);
    }
    let one = |text: String| text.replace("# server.local", "server.local");
    assert_eq!(problems(one), Vec::<String>::new(), "a server is one line");
}

#[test]
fn a_role_is_added_without_code() {
    let added = |text: String| {
        let role = text.split("\n[role.technical]\n").nth(1).expect("a role");
        let role = role.split("\n[role.").next().expect("its keys");
        format!("{text}\n[role.night-watch]\nprompt = \"technical\"\n{role}")
    };
    let (path, text) = shipped();
    let config = Config::parse(&path, &added(text)).expect("sound");
    let role = &config.roles[config.role("night-watch").expect("added")];
    assert_eq!(config.prompts.get(role.prompt).expect("shared").name, "technical");
}

#[test]
fn every_problem_is_told_in_one_run_with_line_key_found_and_allowed() {
    let spoiled = |text: String| {
        let text = text.replacen("latency_ms = 8000", "latency_ms = 5", 1);
        let text = text.replacen("output = \"sentiment\"", "output = \"mood\"", 1);
        let text = text.replacen("rule = \"surer\"", "rule = \"bull\"", 1);
        let text = text.replacen("\"orders\"]", "\"orders\", \"keys\"]", 1);
        let text = text.replacen("every_s = 300\n", "", 1);
        text.replacen("critical = true", "critical = true\ntools = true", 1)
            + "[server.far]\nkind = \"openai\"\nurl = \"http://api.example.com\"\n"
            + "[server.two]\nkind = \"openai\"\nurl = \"https://localhost\"\n"
            + "[server.both]\nkind = \"tgi\"\nsocket = \"run.sock\"\n"
    };
    let said = problems(spoiled).join("\n");
    for part in [
        "key=role.oversight.latency_ms found=5 allowed=(a whole number from 10 to 600000)",
        "key=role.oversight.tools found=unknown key allowed=(one of the keys advice, answer_tokens",
        "key=role.sentiment.output found=\"mood\" allowed=(\"stance\" or \"limits\"",
        "key=role.judge.rule found=\"bull\", which answers with stance allowed=(a rule that",
        "key=role.risk-manager.context found=\"keys\" allowed=(\"market\" or \"position\"",
        "key=role.portfolio.every_s found=0 allowed=(with trigger",
        "key=server.far.url found=a host beyond this network allowed=(a host of this box",
        "key=server.two.url found=\"https://localhost\" allowed=(http://HOST:PORT",
        "key=server.both.kind found=\"tgi\" allowed=(\"openai\" or \"ollama\")",
        "key=server.both.socket found=\"run.sock\" allowed=(an absolute path",
    ] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
    assert_eq!(said.lines().count(), 10, "{said}");
    assert!(said.lines().all(|line| line.starts_with("line=") && !line.starts_with("line=0")));
}

#[test]
fn a_cloud_server_needs_the_operator_s_word_and_a_redact_list() {
    let far = "[server.far]\nkind = \"openai\"\nurl = \"http://198.51.100.7\"\n";
    let with = |cloud: &str| problems(|text| text.replace("allow = false", cloud) + far);
    assert_eq!(with("allow = false").len(), 1);
    let said = with("allow = true").join("\n");
    assert!(said.contains("key=cloud.redact found=nothing"), "{said}");
    assert!(with("allow = true\nredact = [\"position\"]").is_empty());
    for near in ["127.0.0.1", "10.1.2.3", "192.168.1.4", "[::1]", "gpu2", "gpu2.lan", "localhost"] {
        let server = format!("[server.near]\nkind = \"openai\"\nurl = \"http://{near}:8080\"\n");
        assert!(problems(|text| text + &server).is_empty(), "{near}");
    }
}

#[test]
fn critical_roles_have_a_slot_each() {
    let shared = "[server.s]\nkind = \"openai\"\nurl = \"http://[::1]:1\"\ncritical_slots = 1\n";
    let said = problems(|text| text + shared).join("\n");
    assert!(said.contains("key=server.s.critical_slots found=1 for 2 critical roles"), "{said}");
}

#[test]
fn text_that_is_no_toml_is_told_with_its_line() {
    let said = problems(|text| text + "[role.x\n").join("\n");
    assert!(said.contains("key=(syntax)"), "{said}");
}
