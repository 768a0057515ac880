//! Compiles the wire contracts in `proto/` without `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let contracts = [
        "proto/kv.proto",
        "proto/rpc.proto",
        "proto/kvtool/peer/v1/peer.proto",
    ];
    let descriptors = protox::compile(contracts, ["proto"])?;
    tonic_prost_build::configure()
        .bytes(".")
        .compile_fds(descriptors)?;
    Ok(())
}
