# One asking for a slice, and what it has proven: whole, empty, uncounted, failed, too-large, refused or error.

function New-Finding {
    param([string]$Kind, [string]$Reason, [int]$ResultCount, $Marks)
    return @{ Kind = $Kind; Reason = $Reason; ResultCount = $ResultCount; Marks = $Marks }
}

# One call: its rows, and what its warnings tell, which is told nowhere else. The command that a trace names as the next
# holds an address, which is nobody's word on the search.
function Invoke-Reading {
    param([string]$Cmdlet, [hashtable]$Parameters)
    Start-Sleep -Milliseconds $Limits.Pause
    $Output = @(& $Cmdlet @Parameters -ErrorAction Stop -WarningAction Continue 3>&1)
    $Rows = @(foreach ($One in $Output) { if ($One -isnot [System.Management.Automation.WarningRecord]) { $One } })
    $Told = ''
    foreach ($One in $Output) {
        if ($One -is [System.Management.Automation.WarningRecord]) {
            Write-Log "$Cmdlet warns: $($One.Message)"
            $Told += ($One.Message -split 'following command')[0] + "`n"
        }
    }
    return @{
        Rows      = $Rows
        Failed    = $Told -match $FailedPattern
        More      = $Told -match $MorePattern
        AtCeiling = $Told -match $CeilingPattern
    }
}

# One session of Search-UnifiedAuditLog: the same command under a SessionId of its own until an answer has no rows.
function Read-AuditLog {
    param($File, [hashtable]$Parameters, [bool]$Divisible)
    $Asked = $Parameters.Clone()
    $Asked.SessionId = [guid]::NewGuid().ToString()
    $Session = @{
        Indices = New-Object 'System.Collections.Generic.HashSet[int]'
        Marks   = New-Object 'System.Collections.Generic.HashSet[string]'
        Rows    = 0
        Highest = 0
        Hits    = 0
        More    = $false
    }
    $Most = $(if ($Divisible) { $NearCeiling } else { $Ceiling })
    $Still = 0
    while ($true) {
        $Answer = Invoke-Reading 'Search-UnifiedAuditLog' $Asked
        $Before = $Session.Indices.Count + $Session.Marks.Count
        $Records = @($Answer.Rows | Where-Object { $_.Identity -or $_.AuditData -or $_.ResultIndex -ne -1 })
        foreach ($Mark in @(Add-Row $File $Records @('Identity', 'AuditData'))) {
            [void]$Session.Marks.Add($Mark)
        }
        $TimedOut = Add-Answer $Session $Answer
        if ($Answer.Failed) {
            return New-Finding 'failed' 'cancelled-task' $Session.Hits
        }
        if ($TimedOut) {
            return New-Finding 'failed' 'internal-time-out' $Session.Hits
        }
        $Ended = $Answer.Rows.Count -eq 0
        $Large = $Answer.AtCeiling -or [math]::Max($Session.Hits, $Session.Rows) -ge $Most
        if ($Large -and ($Divisible -or $Ended -or $Session.Rows -ge $Ceiling)) {
            return New-Finding 'too-large' 'over-ceiling' $Session.Hits
        }
        if ($Ended) {
            return Get-SessionFinding $Session $Parameters.ResultSize
        }
        $Still = $(if ($Session.Indices.Count + $Session.Marks.Count -gt $Before) { 0 } else { $Still + 1 })
        if ($Still -ge $PatienceWithRepeats) {
            return New-Finding 'failed' 'paging-stands-still' $Session.Hits
        }
    }
}

# Takes into account what the rows of an answer say of their session; returns whether the service says that it failed.
function Add-Answer {
    param([hashtable]$Session, [hashtable]$Answer)
    $More = $Answer.More
    $TimedOut = $false
    foreach ($Row in $Answer.Rows) {
        if ($null -ne $Row.ResultIndex) {
            $Index = [int]$Row.ResultIndex
            [void]$Session.Indices.Add($Index)
            $Session.Highest = [math]::Max($Session.Highest, $Index)
            $TimedOut = $TimedOut -or $Index -lt 0
        }
        $Session.Hits = [math]::Max($Session.Hits, [int]$Row.ResultCount)
        $Flat = "$($Row.moreRecordsAvailable) $($Row.'AuditSearchRequestMetadata.moreRecordsAvailable')"
        $Within = "$($Row.AuditSearchRequestMetadata)"
        $More = $More -or $Flat -match 'true' -or $Within -match 'moreRecordsAvailable\W+true'
    }
    $Session.Rows += $Answer.Rows.Count
    $Session.More = $More -or ($Session.More -and $Answer.Rows.Count -eq 0)
    return $TimedOut
}

# What a session proves that was read to its end: whole only if its rows cover 1 to ResultCount without a hole. A count
# that is the ResultSize may be the one thing mirrored.
function Get-SessionFinding {
    param([hashtable]$Session, [int]$ResultSize)
    $Hits = $Session.Hits
    if ($Session.More) {
        return New-Finding 'failed' 'more-available' $Hits
    }
    if ($Session.Rows -eq 0) {
        return New-Finding 'empty'
    }
    if ($Session.Indices.Count -lt $Session.Highest -or $Session.Indices.Contains(0)) {
        return New-Finding 'failed' 'hole-in-session' $Hits
    }
    if ($Hits -eq 0 -or $Hits -eq $ResultSize -or $Session.Highest -gt $Hits) {
        return New-Finding 'uncounted' 'count-unusable' $Hits $Session.Marks
    }
    if ($Session.Highest -lt $Hits) {
        return New-Finding 'failed' 'short-session' $Hits
    }
    return New-Finding 'whole' '' $Hits
}

# Get-MessageTraceV2, newest first: the next call ends at the last row's Received, with all its digits.
function Read-MessageTrace {
    param($File, [hashtable]$Parameters)
    $Asked = $Parameters.Clone()
    $Cursors = New-Object 'System.Collections.Generic.HashSet[string]'
    $Marks = New-Object 'System.Collections.Generic.HashSet[string]'
    $Oldest = $null
    $Promised = $false
    while ($true) {
        $Answer = Invoke-Reading 'Get-MessageTraceV2' $Asked
        $Before = $Marks.Count
        foreach ($Mark in @(Add-Row $File $Answer.Rows @('MessageTraceId', 'RecipientAddress', 'Received', 'Status'))) {
            [void]$Marks.Add($Mark)
        }
        $Ordered = $true
        foreach ($Row in $Answer.Rows) {
            $Received = ConvertTo-Utc $Row.Received
            $Ordered = $Ordered -and ($null -eq $Oldest -or $Received -le $Oldest)
            $Oldest = $Received
            $Recipient = [string]$Row.RecipientAddress
        }
        $More = $Answer.More -or $Answer.Rows.Count -ge $Parameters.ResultSize
        if ($Answer.Failed -or ($Promised -and -not $More -and $Marks.Count -eq $Before)) {
            return New-Finding 'failed' $(if ($Answer.Failed) { 'cancelled-task' } else { 'more-available' })
        }
        if (-not $Ordered -and ($More -or $Cursors.Count)) {
            return New-Finding 'too-large' 'order-broken'
        }
        if (-not $More) {
            return New-Finding $(if ($Marks.Count) { 'whole' } else { 'empty' })
        }
        if ($null -eq $Oldest -or -not $Cursors.Add("$($Oldest.Ticks) $Recipient")) {
            return New-Finding 'too-large' 'paging-stands-still'
        }
        $Promised = $Answer.More
        $Asked.EndDate = $Oldest
        $Asked.Remove('StartingRecipientAddress')
        if ($Recipient) {
            $Asked.StartingRecipientAddress = $Recipient
        }
    }
}

# Whether the cmdlet must have a row to give, asked with these parameters.
function Test-NeverEmpty {
    param([string]$Cmdlet, [hashtable]$Parameters)
    $Needs = @('') + @($Parameters.Keys)
    return @($Needs | Where-Object { $NeverEmpty -contains "$Cmdlet $_" }).Count -gt 0
}

# A cmdlet that is called once: a full page may have been cut off.
function Read-Call {
    param($File, [string]$Cmdlet, [hashtable]$Parameters)
    $Answer = Invoke-Reading $Cmdlet $Parameters
    [void]@(Add-Row $File $Answer.Rows -About $Parameters.Identity)
    if ($Answer.Failed) {
        return New-Finding 'failed' 'cancelled-task'
    }
    $Full = $Parameters.ResultSize -is [int] -and $Answer.Rows.Count -ge $Parameters.ResultSize
    if ($Answer.More -or $Answer.AtCeiling -or $Full) {
        return New-Finding 'too-large' 'more-available'
    }
    if ($Answer.Rows.Count) {
        return New-Finding 'whole'
    }
    if (Test-NeverEmpty $Cmdlet $Parameters) {
        return New-Finding 'failed' $NothingGiven
    }
    return New-Finding 'empty'
}

# The permissions of a mailbox, and of those of its folders that people share, which bear names in its owner's language.
# Two answers must agree on which of the folders tell nothing.
function Read-FolderPermission {
    param($File, [hashtable]$Parameters)
    $Found = Read-Call $File 'Get-MailboxFolderPermission' $Parameters
    if ($Found.Kind -ne 'whole') {
        return $Found
    }
    $Listed = Invoke-Reading 'Get-MailboxFolderStatistics' @{ Identity = $Parameters.Identity }
    $Bare = New-Object 'System.Collections.Generic.HashSet[string]'
    foreach ($Path in @($Listed.Rows | Where-Object { Test-Shared $_ } | ForEach-Object { [string]$_.FolderPath })) {
        if (-not $Path) {
            $Found = New-Finding 'failed' 'folder-without-path'
            continue
        }
        $Below = "$($Parameters.Identity):$($Path.Replace('/', '\').Replace($SlashInName, '/'))"
        $Asked = Read-Call $File 'Get-MailboxFolderPermission' @{ Identity = $Below }
        if ($Asked.Reason -eq $NothingGiven) {
            [void]$Bare.Add($Below)
        }
        elseif ($Found.Kind -eq 'whole') {
            $Found = $Asked
        }
    }
    if ($Found.Kind -ne 'whole') {
        return $Found
    }
    if ($Listed.Failed -or $Listed.More -or $Listed.AtCeiling) {
        return New-Finding 'failed' $(if ($Listed.Failed) { 'cancelled-task' } else { 'more-available' })
    }
    if ($Listed.Rows.Count -eq 0) {
        return New-Finding 'failed' $NothingGiven
    }
    if ($Bare.Count) {
        return New-Finding 'uncounted' $NothingGiven 0 $Bare
    }
    return $Found
}

function Test-Shared {
    param($Listed)
    $Kind = ([string]$Listed.FolderType -replace '\s').ToLowerInvariant()
    return -not @($UnsharedFolders | Where-Object { $Kind.StartsWith($_, [System.StringComparison]::Ordinal) })
}
