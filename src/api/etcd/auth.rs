//! `etcdserverpb.Auth`.

use super::door::Door;
use crate::mvcc::auth::Change;
use crate::pb::etcdserverpb::*;
use tonic::{Request, Response, Status, async_trait};

/// Users, roles and logins.
pub struct Auth {
    door: Door,
}

impl Auth {
    /// The service behind `door`.
    pub fn new(door: Door) -> Self {
        Self { door }
    }
}

/// Calls that change something, and those that do not.
macro_rules! calls {
    (
        changes { $($change:ident($change_request:ident) -> $change_response:ident as $kind:ident;)* }
        others { $($other:ident($other_request:ident) -> $other_response:ident as $call:ident($($message:ident)?);)* }
    ) => {
        #[async_trait]
        impl auth_server::Auth for Auth {
            $(
                async fn $change(
                    &self,
                    request: Request<$change_request>,
                ) -> Result<Response<$change_response>, Status> {
                    let instance = self.door.open(&request).await?;
                    let header = instance.change_auth(Change::$kind(request.into_inner())).await?;
                    Ok(Response::new($change_response {
                        header: Some(header),
                    }))
                }
            )*
            $(
                async fn $other(
                    &self,
                    request: Request<$other_request>,
                ) -> Result<Response<$other_response>, Status> {
                    let instance = self.door.open(&request).await?;
                    $(let $message = request.into_inner();)?
                    Ok(Response::new(instance.$call($($message)?).await?))
                }
            )*
        }
    };
}

calls! {
    changes {
        auth_enable(AuthEnableRequest) -> AuthEnableResponse as Enable;
        auth_disable(AuthDisableRequest) -> AuthDisableResponse as Disable;
        user_add(AuthUserAddRequest) -> AuthUserAddResponse as UserAdd;
        user_delete(AuthUserDeleteRequest) -> AuthUserDeleteResponse as UserDelete;
        user_change_password(AuthUserChangePasswordRequest) -> AuthUserChangePasswordResponse as UserChangePassword;
        user_grant_role(AuthUserGrantRoleRequest) -> AuthUserGrantRoleResponse as UserGrantRole;
        user_revoke_role(AuthUserRevokeRoleRequest) -> AuthUserRevokeRoleResponse as UserRevokeRole;
        role_add(AuthRoleAddRequest) -> AuthRoleAddResponse as RoleAdd;
        role_delete(AuthRoleDeleteRequest) -> AuthRoleDeleteResponse as RoleDelete;
        role_grant_permission(AuthRoleGrantPermissionRequest) -> AuthRoleGrantPermissionResponse as RoleGrantPermission;
        role_revoke_permission(AuthRoleRevokePermissionRequest) -> AuthRoleRevokePermissionResponse as RoleRevokePermission;
    }
    others {
        auth_status(AuthStatusRequest) -> AuthStatusResponse as auth_status();
        authenticate(AuthenticateRequest) -> AuthenticateResponse as authenticate(message);
        user_get(AuthUserGetRequest) -> AuthUserGetResponse as user(message);
        user_list(AuthUserListRequest) -> AuthUserListResponse as users();
        role_get(AuthRoleGetRequest) -> AuthRoleGetResponse as role(message);
        role_list(AuthRoleListRequest) -> AuthRoleListResponse as roles();
    }
}
