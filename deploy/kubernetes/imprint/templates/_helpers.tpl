{{- /*
Copyright 2026 The Imprint Authors
SPDX-License-Identifier: Apache-2.0
*/ -}}

{{- /* "imprint" in a release called so, else "RELEASE-imprint". */ -}}
{{- define "imprint.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "imprint.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "imprint.labels" -}}
{{ include "imprint.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- /* The arguments; values.flags come last. A number stays as it was written: 1000000, not 1e+06. */ -}}
{{- define "imprint.arguments" -}}
- imprintd
- --model={{ .Values.model.path }}
- --data_dir=/data
- --listen=0.0.0.0:{{ .Values.service.port }}
{{- if .Values.adminService.enabled }}
- --admin_listen=0.0.0.0:{{ .Values.adminService.port }}
{{- end }}
- --metrics_listen={{ if .Values.metrics.enabled }}0.0.0.0:{{ .Values.metrics.port }}{{ end }}
{{- if .Values.tls.secretName }}
- --tls_cert=/tls/tls.crt
- --tls_key=/tls/tls.key
{{- if .Values.tls.clientCertificates }}
- --tls_client_ca=/tls/ca.crt
{{- end }}
{{- end }}
{{- if .Values.auth.secretName }}
- --auth.tokens_file=/auth/tokens
- --auth.forget_scope={{ .Values.auth.forgetScope }}
{{- end }}
{{- /* Others must reach the pod; /metrics has no TLS. Who may, says the NetworkPolicy. */}}
{{- if not .Values.tls.secretName }}
- --allow_insecure_listen
{{- else if .Values.metrics.enabled }}
- --allow_insecure_metrics_listen
{{- end }}
{{- if .Values.backup.existingClaim }}
- --backup.dir=/backups
- --backup.keep={{ .Values.backup.keep }}
{{- end }}
- --drain_deadline={{ .Values.drainSeconds }}s
{{- if .Values.gpu.count }}
- --device=cuda:0
{{- end }}
{{- range $name, $value := .Values.flags }}
{{- if and (kindIs "float64" $value) (eq $value (floor $value)) }}
- --{{ $name }}={{ int64 $value }}
{{- else }}
- {{ printf "--%s=%v" $name $value | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* gRPC probes cannot do TLS; there the command line asks the same health service. */ -}}
{{- define "imprint.probe" -}}
{{- if .Values.tls.secretName -}}
exec:
  command: [imprint, health]
{{- else -}}
grpc:
  port: {{ .Values.service.port }}
{{- end }}
timeoutSeconds: 5
{{- end -}}
