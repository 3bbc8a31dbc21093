# Verbs only; the logic is in Rust. `make` alone prints this list.
CARGO ?= cargo
BIN := target/release

.PHONY: help build run test sweep lint fmt bench bench-isolation sim soak fuzz wire onnxruntime onnxruntime-gpu libtorch torch hftbacktest rivals train musl clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 18

build: ## build the binaries (release)
	CORELANE_COMMIT=$$(git describe --always --dirty --abbrev=12 2>/dev/null) $(CARGO) build --release --locked

run: build ## play the bundled recording through the station and show the result
	$(BIN)/corelane run --config=config/demo.toml

test: ## every test; skips are listed and counted
	$(CARGO) run --locked --quiet -p corelane-tests --bin suite

sweep: ## kills and errors at every journaling system call, none left out (needs strace)
	$(CARGO) build --locked -p corelane-station -p corelane-tools
	CORELANE_SWEEP=all $(CARGO) test --locked -p corelane-tests --test all -- sweep:: --nocapture

lint: ## formatting and lints, warnings are errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

fmt: ## format the source
	$(CARGO) fmt --all

bench: ## all benches at their real size (pinned; see benches/BENCHMARKING.md)
	$(CARGO) bench --locked --profile dist -p corelane-benches -p corelane-signal

bench-isolation: ## the order loop beside a sidecar that misbehaves, judged: exit 31 slower, 3 inconclusive
	$(CARGO) bench --locked --profile dist -p corelane-benches --bench isolation -- --judge $(if $(RECORD),--record)

sim: ## live through seeds of the simulation (SEED=1 SEEDS=2000 EVENTS=10000)
	$(CARGO) run --locked --release --quiet -p corelane-tests --bin sim -- \
		--seed=$(or $(SEED),1) --seeds=$(or $(SEEDS),2000) --events=$(or $(EVENTS),10000) --threads=2

soak: ## play the bundled recording for MINUTES=60 and judge what the station holds
	$(CARGO) build --locked --release -p corelane-station -p corelane-tools -p corelane-signal -p corelane-notary
	$(CARGO) build --locked --release -p corelane-tests --bin soak --example allocations
	$(BIN)/soak --minutes=$(or $(MINUTES),60)

SANCOV := -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
	-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
	-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1
FUZZ_SECONDS := 60
fuzz: ## fuzz decoders, journal, audit and tape for a minute each (stable Rust, needs a C++ compiler)
	cd tests/fuzz && RUSTFLAGS="$(SANCOV)" $(CARGO) build --release --target $$(rustc -vV | sed -n 's/host: //p')
	cd tests/fuzz && for target in decode binance record journal reader audit tape; do \
	  seeds=seeds/$$target; case $$target in decode) seeds=../../wire/tests/corpus;; reader) seeds=seeds/journal;; esac; \
	  mkdir -p corpus/$$target; target/*/release/$$target -max_total_time=$(FUZZ_SECONDS) corpus/$$target $$seeds || exit 1; done

wire: ## write WIRE.md, the C header, the Python mirror and the golden frames anew
	$(CARGO) run --locked -p corelane-wire --example wire-bindings

onnxruntime: ## fetch ONNX Runtime from PyPI into .venv-onnxruntime (optional back end)
	python3 -m venv .venv-onnxruntime
	.venv-onnxruntime/bin/pip install --quiet --no-deps onnxruntime==1.31.1
	@echo "export ORT_DYLIB_PATH=$$(ls $(CURDIR)/.venv-onnxruntime/lib/python3*/site-packages/onnxruntime/capi/libonnxruntime.so.*)"

onnxruntime-gpu: ## fetch ONNX Runtime with CUDA from PyPI into .venv-onnxruntime-gpu (2.5 GB; the driver is yours)
	python3 -m venv .venv-onnxruntime-gpu
	.venv-onnxruntime-gpu/bin/pip install --quiet "onnxruntime-gpu[cuda,cudnn]==1.31.1"
	@cd .venv-onnxruntime-gpu/lib/python3*/site-packages && \
	  echo "export ORT_DYLIB_PATH=$$(ls $$PWD/onnxruntime/capi/libonnxruntime.so.*)" && \
	  echo "export LD_LIBRARY_PATH=$$(ls -d $$PWD/nvidia/*/lib | paste -sd:)"

TORCH_FOLDER = $(abspath $(firstword $(wildcard .venv-libtorch/lib/python3*/site-packages/torch)))
libtorch: ## fetch libtorch from PyPI into .venv-libtorch (540 MB; optional, for `make torch`)
	python3 -m venv .venv-libtorch
	.venv-libtorch/bin/pip install --quiet --no-deps -r sidecars/torch/libtorch.txt
	@echo "export LIBTORCH=$$(ls -d $(CURDIR)/.venv-libtorch/lib/python3*/site-packages/torch)"

torch: ## build corelane-torch beside the others (after `make libtorch`, or with LIBTORCH set)
	@test -d "$${LIBTORCH:-$(TORCH_FOLDER)}" || { echo "no libtorch: run 'make libtorch', or export LIBTORCH"; exit 1; }
	cd sidecars/torch && LIBTORCH="$${LIBTORCH:-$(TORCH_FOLDER)}" \
	  $(CARGO) build --release --locked --target-dir=../../target

hftbacktest: ## fetch hftbacktest from PyPI into .venv-hftbacktest (the backtest is compared with it)
	python3 -m venv .venv-hftbacktest
	.venv-hftbacktest/bin/pip install --quiet -r tests/hftbacktest/requirements.txt

rivals: ## fetch ONNX Runtime and FastAPI from PyPI into .venv-rivals (the bench `signal` has them beside ours)
	python3 -m venv .venv-rivals
	.venv-rivals/bin/pip install --quiet -r benches/rivals/requirements.txt

train: build ## train the signal models anew (needs ../shared/data; see sidecars/signal/training)
	python3 -m venv .venv-train
	.venv-train/bin/pip install --quiet -r sidecars/signal/training/requirements.txt
	.venv-train/bin/python sidecars/signal/training/prepare.py --corelane=$(BIN)/corelane --raw=../shared/data/binance-raw --out=target/features
	$(CARGO) build --release --locked --workspace --example round_trip
	.venv-train/bin/python sidecars/signal/training/train.py --features=target/features --out=sidecars/signal/models --corelane=$(BIN)/corelane --latency=$(BIN) --keep=bin_ctabl

MUSL := x86_64-unknown-linux-musl
musl: ## build for musl (needs musl-gcc and the rustup target) and verify a run of the other build with it
	CC_x86_64_unknown_linux_musl=musl-gcc $(CARGO) build --locked --release -p corelane-tools --target $(MUSL)
	CORELANE_OTHER_BUILD=$(CURDIR)/target/$(MUSL)/release/corelane $(CARGO) test --locked --workspace --test all -- another_build

clean: ## remove build output and runs
	$(CARGO) clean
	rm -rf runs
