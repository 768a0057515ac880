//! Compiles the wire contracts in `proto/` without `protoc`, lists their methods, and keeps their
//! descriptors for the JSON gateway.

use protox::prost::Message;
use std::path::PathBuf;
use std::{env, fs};

/// Messages that hold passwords, their hashes, or tokens.
const SECRET: [&str; 5] = [
    "authpb.User",
    "etcdserverpb.AuthenticateRequest",
    "etcdserverpb.AuthenticateResponse",
    "etcdserverpb.AuthUserAddRequest",
    "etcdserverpb.AuthUserChangePasswordRequest",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let contracts = [
        "proto/kv.proto",
        "proto/rpc.proto",
        "proto/lock.proto",
        "proto/election.proto",
        "proto/kvtool/control/v1/control.proto",
        "proto/kvtool/peer/v1/peer.proto",
        "proto/kvtool/raft/v1/raft.proto",
    ];
    let descriptors = protox::compile(contracts, ["proto"])?;
    let mut methods = String::new();
    for file in &descriptors.file {
        for service in &file.service {
            let service_name = format!("{}.{}", file.package(), service.name());
            for method in &service.method {
                let kind = match (method.client_streaming(), method.server_streaming()) {
                    (false, false) => "unary",
                    (true, false) => "client_stream",
                    (false, true) => "server_stream",
                    (true, true) => "bidi_stream",
                };
                let name = method.name();
                methods += &format!("method!({service_name:?}, {name:?}, {kind:?}),\n");
            }
        }
    }
    let path = PathBuf::from(env::var("OUT_DIR")?).join("methods.rs");
    fs::write(path, format!("[\n{methods}]"))?;
    let path = PathBuf::from(env::var("OUT_DIR")?).join("descriptors.bin");
    fs::write(path, descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .bytes(".")
        .codec_path("crate::pb::codec::Codec")
        // Theirs is in `src/pb.rs`: it shows no password and no token.
        .skip_debug(SECRET)
        .compile_fds(descriptors)?;
    Ok(())
}
