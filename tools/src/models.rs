//! `corelane models`: the model store on disk, and the model of a running signal sidecar.
//!
//! Must never: put a model into the store that does not reproduce its golden vectors, or leave the
//! links on a model the running sidecar refused.

mod args;
pub(crate) mod sidecar;

pub use args::{ModelsArgs, ModelsCommand};

use crate::backtest::model_failure;
use crate::output::Output;
use ed25519_dalek::Signer as _;
use serde_json::{Value, json};
use sidecar::Sidecar;
use signal::model::Model;
use signal::store::{Address, Bundle, Keeper, PublicKey, Store, message};
use signal::{BackendChoice, ModelError, RuntimeOptions, runtime};
use station::limits::sign;
use station::operator::Failure;
use std::fmt::Write as _;
use std::path::Path;
use wire::exit::Exit;
use wire::model::ModelAction;

/// Digits of an address that are shown to people.
const SHORT: usize = 16;

/// Runs the command.
///
/// # Errors
/// A [`Failure`] with one line for each problem.
pub fn models(args: &ModelsArgs) -> Result<(), Failure> {
    let mut out = Output::stdout();
    match &args.command {
        ModelsCommand::Keygen { out: folder } => {
            let (private, public) = sign::keygen_for(folder, "models")?;
            out.line(format_args!("private key: {}", private.display()))?;
            out.line(format_args!("public key:  {}", public.display()))?;
        }
        ModelsCommand::List { json } => list(args, *json, &mut out)?,
        ModelsCommand::Add { folder, key, backend } => {
            let said = add(args, folder, key.as_deref(), backend)?;
            out.line(format_args!("{said}"))?;
        }
        ModelsCommand::Promote { model, answers, role } => {
            let said = promote(args, model, *answers, role.as_deref())?;
            out.line(format_args!("{said}"))?;
        }
        ModelsCommand::Rollback { name } => {
            let said = rollback(args, name)?;
            out.line(format_args!("{said}"))?;
        }
        ModelsCommand::Shadow { model, answers, role } => {
            let said = shadow(args, model, *answers, role.as_deref())?;
            out.line(format_args!("{said:#}"))?;
        }
    }
    out.finish()
}

#[expect(clippy::needless_pass_by_value, reason = "map_err hands over what it has")]
fn failed(error: ModelError) -> Failure {
    model_failure(&error)
}

fn key(args: &ModelsArgs) -> Result<Option<PublicKey>, Failure> {
    args.public_key.as_deref().map(PublicKey::read).transpose().map_err(failed)
}

fn keeper(args: &ModelsArgs) -> Result<Keeper, Failure> {
    Keeper::open(&args.store, key(args)?).map_err(failed)
}

/// Verifies, runs the golden vectors, signs where a key is given, and adds.
pub(crate) fn add(
    args: &ModelsArgs,
    folder: &Path,
    private: Option<&Path>,
    backend: &str,
) -> Result<String, Failure> {
    let choice = BackendChoice::from_name(backend).ok_or_else(|| {
        let fields = format!("backend={backend} allowed=auto,tract,onnxruntime");
        Failure::new(Exit::Arguments, "unknown back end", fields, "name one that is allowed")
    })?;
    let mut bundle = Bundle::open(folder, None).map_err(failed)?;
    if let Some(private) = private {
        let signature = sign::private_key(private)?.sign(&message(bundle.manifest_bytes()));
        bundle = bundle.with_signature(hex_line(&signature.to_bytes()));
    }
    let live = runtime::start(&RuntimeOptions::from_environment(choice)).map_err(failed)?;
    let model = Model::of(bundle.clone(), live).map_err(failed)?;
    let address = keeper(args)?.add(&bundle).map_err(failed)?;
    Ok(format!(
        "added {}: address={address} sha256={} backend={} golden_difference={}",
        bundle.manifest.name,
        model.sha256(),
        model.provider(),
        model.golden_difference()
    ))
}

fn hex_line(bytes: &[u8]) -> Vec<u8> {
    let mut line = String::new();
    for byte in bytes {
        // Writing to a String cannot fail.
        let _infallible = write!(line, "{byte:02x}");
    }
    line.push('\n');
    line.into_bytes()
}

/// Moves the links, lets the running sidecar change, and moves them back where it refuses.
pub(crate) fn promote(
    args: &ModelsArgs,
    model: &str,
    answers: Option<u32>,
    role: Option<&str>,
) -> Result<String, Failure> {
    let keeper = keeper(args)?;
    let store = keeper.store();
    let address = store.find(model).map_err(failed)?;
    let own = store.object(address).map_err(failed)?.manifest.name;
    let name = role.map_or(own, str::to_owned);
    let previous = store.previous(&name).map_err(failed)?;
    let socket = Sidecar::find(args)?;
    let moved = keeper.promote_as(&name, address).map_err(failed)?;
    let head = format!("{name}: {} -> {}", shown(moved.from), shown(Some(address)));
    // A model's own name may move while a role serves: the sidecar has nothing to do with it.
    let socket = socket.filter(|socket| role.is_some() || !serves_a_role(socket));
    let told = socket.as_deref().map(|socket| {
        Sidecar::open(socket, &args.store, &name)?.run(ModelAction::Serve, address, answers)
    });
    match told {
        None => Ok(format!("{head}; no sidecar runs it: it serves from the next start")),
        Some(Ok(status)) => {
            let standby = tell_standby(socket.as_deref(), args, &name, address)?;
            Ok(format!("{head}; {}{standby}", serving(&status)))
        }
        Some(Err(failure)) => {
            keeper.restore(&name, moved.from, previous).map_err(failed)?;
            Err(failure)
        }
    }
}

/// Whether the sidecar behind a socket serves a role, not a model of one name.
fn serves_a_role(socket: &Path) -> bool {
    Sidecar::look(socket).is_ok_and(|status| status["name"] != status["serving"]["name"])
}

/// Swaps the links, lets the running sidecar change, and swaps them back where it refuses.
fn rollback(args: &ModelsArgs, name: &str) -> Result<String, Failure> {
    let keeper = keeper(args)?;
    let socket = Sidecar::find(args)?;
    let moved = keeper.rollback(name).map_err(failed)?;
    let head = format!("{name}: {} -> {}", shown(moved.from), shown(Some(moved.to)));
    let told = socket.as_deref().map(|socket| {
        Sidecar::open(socket, &args.store, name)?.run(ModelAction::Serve, moved.to, Some(0))
    });
    match told {
        None => Ok(format!("{head}; no sidecar runs: it serves from the next start")),
        Some(Ok(status)) => {
            let standby = tell_standby(socket.as_deref(), args, name, moved.to)?;
            Ok(format!("{head}; {}{standby}", serving(&status)))
        }
        Some(Err(failure)) => {
            keeper.rollback(name).map_err(failed)?;
            Err(failure)
        }
    }
}

/// Has the standby change too, after the sidecar that answers has: it sees no live requests to try the
/// model on, and the other was tried. What it serves then, or nothing where there is none.
fn tell_standby(
    socket: Option<&Path>,
    args: &ModelsArgs,
    name: &str,
    address: Address,
) -> Result<String, Failure> {
    let Some(standby) = socket.and_then(Sidecar::beside) else { return Ok(String::new()) };
    let told = Sidecar::open(&standby, &args.store, name)
        .and_then(|mut sidecar| sidecar.run(ModelAction::Serve, address, Some(0)));
    match told {
        Ok(status) => Ok(format!("; standby {}", serving(&status))),
        Err(mut failure) => {
            for line in &mut failure.lines {
                line.what =
                    format!("the signal sidecar serves it, its standby does not: {}", line.what);
                line.next =
                    "nobody answers in its place until both have one model: promote again, \
                             or `corelane models rollback`"
                        .into();
            }
            Err(failure)
        }
    }
}

/// Has the running sidecar compare; what it found.
fn shadow(
    args: &ModelsArgs,
    model: &str,
    answers: Option<u32>,
    role: Option<&str>,
) -> Result<Value, Failure> {
    let store = Store::open(&args.store, key(args)?).map_err(failed)?;
    let address = store.find(model).map_err(failed)?;
    let own = store.object(address).map_err(failed)?.manifest.name;
    let socket = Sidecar::find(args)?.ok_or_else(|| {
        Failure::new(
            Exit::Resource,
            "no running signal sidecar found",
            "looked_in=runs",
            "start one with `corelane run`, or name its socket with --socket",
        )
    })?;
    let name = role.map_or(own, str::to_owned);
    let mut sidecar = Sidecar::open(&socket, &args.store, &name)?;
    let status = sidecar.run(ModelAction::Shadow, address, answers)?;
    Ok(status["job"].clone())
}

fn shown(address: Option<Address>) -> String {
    address.map_or("nothing".into(), |address| short(&address.to_string()))
}

fn short(text: &str) -> String {
    text.chars().take(SHORT).collect()
}

fn serving(status: &Value) -> String {
    let serving = &status["serving"];
    let text = |key: &str| serving[key].as_str().unwrap_or("?").to_owned();
    format!(
        "sidecar serves: address={} model_hash={} generation={} backend={}",
        short(&text("address")),
        text("model_hash"),
        serving["generation"],
        text("backend")
    )
}

/// What the store holds, read and verified, and what runs.
fn list(args: &ModelsArgs, as_json: bool, out: &mut Output) -> Result<(), Failure> {
    let store = Store::open(&args.store, key(args)?).map_err(failed)?;
    let names = store.names().map_err(failed)?;
    let mut objects = Vec::new();
    for address in store.objects().map_err(failed)? {
        objects.push(match store.object(address) {
            Ok(bundle) => json!({
                "address": address.to_string(),
                "name": bundle.manifest.name,
                "model_sha256": bundle.manifest.sha256,
                "bytes": bundle.manifest.files.iter().map(|file| file.bytes).sum::<u64>(),
                "training_data": bundle.manifest.training_data,
                "signature": if bundle.signed { "good" } else { "not checked" },
            }),
            Err(error) => json!({
                "address": address.to_string(), "problem": error.operator_line(),
            }),
        });
    }
    let socket = Sidecar::find(args)?;
    let running = socket.as_deref().map(Sidecar::look).transpose()?;
    let standby = socket.as_deref().and_then(Sidecar::beside);
    let standby = standby.as_deref().map(Sidecar::look).transpose()?;
    let links = names.iter().map(|name| {
        json!({
            "name": name.name,
            "current": name.current.map(|address| address.to_string()),
            "previous": name.previous.map(|address| address.to_string()),
        })
    });
    let links: Vec<Value> = links.collect();
    if as_json {
        let all = json!({
            "names": links, "objects": objects, "sidecar": running, "standby": standby,
        });
        out.line(format_args!("{all}"))?;
        return Ok(());
    }
    for name in &names {
        let (current, previous) = (shown(name.current), shown(name.previous));
        out.line(format_args!("name    {} current={current} previous={previous}", name.name))?;
    }
    for object in &objects {
        out.line(format_args!("{}", object_line(object)))?;
    }
    match &running {
        Some(status) => out.line(format_args!("running {}", serving(status)))?,
        None => out.line(format_args!("running no sidecar"))?,
    };
    if let Some(status) = &standby {
        out.line(format_args!("standby {}", serving(status)))?;
    }
    Ok(())
}

fn object_line(object: &Value) -> String {
    let text = |key: &str| object[key].as_str().unwrap_or("?").to_owned();
    let address = short(&text("address"));
    if let Some(problem) = object["problem"].as_str() {
        return format!("object  {address} REFUSED {problem}");
    }
    format!(
        "object  {address} name={} model_sha256={} bytes={} signature=\"{}\" training_data={}",
        text("name"),
        short(&text("model_sha256")),
        object["bytes"],
        text("signature"),
        short(&text("training_data"))
    )
}
