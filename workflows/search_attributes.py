"""What engineers can filter approvals by in the Temporal UI."""

from temporalio.common import SearchAttributeKey

APPROVAL_STATUS = SearchAttributeKey.for_keyword("ApprovalStatus")
AGENT_ID = SearchAttributeKey.for_keyword("AgentId")
OPERATION_TYPE = SearchAttributeKey.for_keyword("OperationType")
RESOURCE_TYPE = SearchAttributeKey.for_keyword("ResourceType")
RISK_LEVEL = SearchAttributeKey.for_keyword("RiskLevel")
EXPIRES_AT = SearchAttributeKey.for_datetime("ExpiresAt")
DECIDED_BY = SearchAttributeKey.for_keyword_list("DecidedBy")
